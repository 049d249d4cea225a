/** One event, whole: who for whom, what changed side by side, metadata, what belongs to the same run, and where to go on. */
import { computed, signal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Event, type EventQuery, Total } from '../api/operations';
import { exact } from '../state/clock';
import { closeEvent } from '../state/keys';
import { useAnswer } from '../state/pages';
import { href, route, trailHref } from '../state/route';
import { ask } from '../state/session';
import { Icon } from '../ui/icons';
import { Markdown, Message } from '../ui/markdown';
import { Avatar, BoardChip, OutcomePill, Person } from '../ui/parts';
import { Loading, ProblemNote } from '../ui/states';
import { counted, phrase, shown, type Who } from '../ui/words';
import { Json } from './json';

const narrow = matchMedia('(max-width: 56rem)'); // as the stylesheets have it
const isNarrow = signal(narrow.matches);
narrow.addEventListener('change', () => {
  isNarrow.value = narrow.matches;
});
/** On a narrow screen nothing else is to be seen, and so nothing else is to be reached. */
export const coversAll = computed(() => isNarrow.value && Boolean(route.value.params.get('event')));

type Whole = NonNullable<EventQuery['activityEvent']>;

function Chain({ actor, onBehalfOf }: { actor: Who; onBehalfOf: Who | null | undefined }) {
  return (
    <ol class="actors">
      {onBehalfOf && (
        <li>
          <Avatar who={onBehalfOf} small /> <span><Person who={onBehalfOf} /> <span class="quiet">wanted it</span></span>
        </li>
      )}
      <li>
        <Avatar who={actor} small /> <span><Person who={actor} /> {onBehalfOf && <span class="quiet">did it</span>}</span>
      </li>
    </ol>
  );
}

function Compared({ changes }: { changes: Whole['changes'] }) {
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label="What changed">
      <table class="compared">
        <thead>
          <tr>
            <th scope="col">Field</th>
            <th scope="col">Before</th>
            <th scope="col">After</th>
          </tr>
        </thead>
        <tbody>
          {changes.map(({ path, before, after }) => (
            <tr key={path}>
              <th scope="row"><code>{path}</code></th>
              <td class="before" dir="auto">{shown(before)}</td>
              <td class="after" dir="auto">{shown(after)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Run({ id }: { id: string }) {
  const { data } = useAnswer(id, (signal) => ask(Total, { filter: { correlationId: id } }, signal));
  const count = data?.activityEvents.totalCount;
  return (
    <a href={href(['search'], { correlation: id })}>
      <code>{id}</code> {count && <span class="quiet">({counted(count)} {count.count === 1 ? 'event' : 'events'})</span>}
    </a>
  );
}

function CopyLink() {
  const [isCopied, setCopied] = useState(false);
  const copy = () => void navigator.clipboard?.writeText(location.href).then(() => setCopied(true));
  if (!navigator.clipboard) return null;
  return (
    <button type="button" class="link" onClick={copy}>
      {isCopied ? 'Copied' : 'Copy the link'}
    </button>
  );
}

function Facts({ event }: { event: Whole }) {
  return (
    <dl class="facts">
      <dt>Type</dt>
      <dd><a href={href(['search'], { type: event.eventType })}><code>{event.eventType}</code></a></dd>
      <dt>Recorded</dt>
      <dd>{exact(event.createdAt)}</dd>
      {event.occurredAt !== event.createdAt && <><dt>Happened</dt><dd>{exact(event.occurredAt)}</dd></>}
      <dt>About</dt>
      <dd><a href={trailHref(event.entityType, event.entityId)}>{event.entityName ?? event.entityId}</a> <span class="quiet">{event.entityType}</span></dd>
      {event.board && <><dt>Board</dt><dd><BoardChip board={event.board} /></dd></>}
      {event.correlationId && <><dt>Same run</dt><dd><Run id={event.correlationId} /></dd></>}
      {event.ipAddress && <><dt>From</dt><dd>{event.ipAddress} <span class="quiet">{event.userAgent}</span></dd></>}
      <dt>Place in the log</dt>
      <dd>{event.sequence}</dd>
      <dt>Id</dt>
      <dd><code class="id">{event.id}</code></dd>
    </dl>
  );
}

function Body({ event }: { event: Whole }) {
  const hasMetadata = Object.keys(event.metadata as object).length > 0;
  return (
    <>
      <Chain actor={event.actor} onBehalfOf={event.onBehalfOf} />
      {event.message && <div class="said">{event.eventType === 'task.comment' ? <Markdown text={event.message} /> : <Message text={event.message} />}</div>}
      {event.changes.length > 0 && <><h3>Changes</h3><Compared changes={event.changes} /></>}
      <h3>Facts</h3>
      <Facts event={event} />
      {hasMetadata && <><h3>Metadata</h3><Json value={event.metadata} /></>}
      <p class="row">
        <a class="button" href={trailHref(event.entityType, event.entityId)}>
          <Icon name="trail" size={18} /> Show the whole trail
        </a>
        <CopyLink />
      </p>
    </>
  );
}

export function EventPanel({ id }: { id: string }) {
  const { data, problem, again } = useAnswer(id, async (signal) => (await ask(Event, { id }, signal)).activityEvent);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  const said = data ? phrase(data) : null;
  return (
    <aside class="panel" aria-labelledby="panel-title">
      <header class="panel-head">
        <h2 id="panel-title" tabIndex={-1} ref={heading}>
          {data && said ? <>{said.isKnown ? said.verb : <code>{said.verb}</code>} <bdi>{said.thing?.label}</bdi> <OutcomePill outcome={data.outcome} always /></> : 'Event'}
        </h2>
        <button type="button" class="icon-button" title="Close (Esc)" onClick={closeEvent}>
          <Icon name="close" /> <span class="hidden">Close</span>
        </button>
      </header>
      <div class="panel-body">
        {problem ? <ProblemNote problem={problem} again={again} /> : data ? <Body event={data} /> : <Loading rows={2} />}
      </div>
    </aside>
  );
}
