/** One event as a line of a list: who did what to what, where, when, and what was said. */
import type { LineFragment } from '../api/operations';
import { clock } from '../state/clock';
import { eventHref } from '../state/route';
import { Spared } from '../ui/boundary';
import { Avatar, BoardChip, Changes, OutcomePill, Person, Time } from '../ui/parts';
import { Markdown, Message } from '../ui/markdown';
import { nameOf, phrase } from '../ui/words';

export interface ItemProps {
  event: LineFragment;
  place: number;
  reply?: (event: LineFragment) => void;
  /** In the trail of this, which is named above like the day: neither is said again. */
  trailOf?: string;
}

export function Item(props: ItemProps) {
  return (
    <Spared>
      <Line {...props} />
    </Spared>
  );
}

function Line({ event, place, reply, trailOf }: ItemProps) {
  const { verb, thing, isKnown } = phrase(event, trailOf);
  const isComment = event.eventType === 'task.comment';
  return (
    <article class={`item ${isComment ? 'comment' : 'act'}`} aria-labelledby={`who-${event.id}`} aria-posinset={place} aria-setsize={-1} data-sequence={event.sequence}>
      <Avatar who={event.actor} />
      <div class="item-head" id={`who-${event.id}`}>
        <span class="item-who">
          <Person who={event.actor} />
          {event.onBehalfOf && <span class="role"> for {nameOf(event.onBehalfOf)}</span>}
        </span>
        <a class="item-when" href={eventHref(event.id)} data-open={event.id}>
          <span class="hidden">Details, </span>
          <Time at={event.createdAt} {...(trailOf ? { absolute: clock(event.createdAt) } : {})} />
        </a>
        <p class="item-what">
          {isKnown ? verb : <code>{verb}</code>}{' '}
          {thing && <a class="thing" dir="auto" href={thing.href}>{thing.label}</a>} <OutcomePill outcome={event.outcome} />
        </p>
      </div>
      <div class="item-body">
        {event.message && (isComment ? <Markdown text={event.message} /> : <Message text={event.message} />)}
        <Changes changes={event.changes} />
        <p class="item-foot">
          {event.board && event.boardId !== trailOf && <BoardChip board={event.board} />}
          {reply && event.task && (
            <button type="button" class="link" onClick={() => reply(event)}>
              Comment
            </button>
          )}
        </p>
      </div>
    </article>
  );
}
