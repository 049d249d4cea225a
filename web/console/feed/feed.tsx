/** The feed as a view: what happens, newest first, as it happens. */
import { useEffect, useState } from 'preact/hooks';
import type { LineFragment } from '../api/operations';
import { href, route, withParams } from '../state/route';
import { me, writableBoards } from '../state/session';
import { Picker } from '../search/picker';
import { BoardSelect, isReadable, NoSuchBoard } from '../ui/boards';
import { Chunk, More } from '../ui/chunks';
import { Icon } from '../ui/icons';
import { Loading, Note, ProblemNote } from '../ui/states';
import { plural } from '../ui/words';
import { feedFilter, isChosen, keepChoice, PRESETS } from './choice';
import { Composer, type Target } from './composer';
import { Item } from './item';
import { feed } from './store';

const TOP_PX = 120;
const SAID_EVERY_MS = 8_000;
const ITEM_PX = 80; // about

/** Keeps the store told whether the top can be seen: new events are put there only then. */
function useTop(): void {
  useEffect(() => {
    const look = () => {
      feed.isAtTop = scrollY < TOP_PX;
      if (feed.isAtTop && feed.missed.value > 0) feed.showWaiting();
    };
    look();
    addEventListener('scroll', look, { passive: true });
    return () => {
      removeEventListener('scroll', look);
      feed.isAtTop = false;
    };
  }, []);
}

function Missed() {
  const count = feed.missed.value;
  if (count === 0) return null;
  const show = () => {
    scrollTo({ top: 0 });
    feed.showWaiting();
  };
  return (
    <button type="button" class="missed" onClick={show}>
      <Icon name="up" size={16} /> {count.toLocaleString('en')} new
    </button>
  );
}

/** Says how many came, but not each: a screen reader would never stop talking. */
function Heard() {
  const [said, setSaid] = useState('');
  useEffect(() => {
    let before = feed.heard.peek();
    const timer = setInterval(() => {
      const count = feed.heard.peek() - before;
      before += count;
      if (count > 0) setSaid(`${plural(count, 'new event')}.`);
    }, SAID_EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  return <p class="hidden" aria-live="polite">{said}</p>;
}

function Empty({ board }: { board: string | null }) {
  const viewer = me.value;
  if (viewer && viewer.boards.length === 0 && viewer.role === 'MEMBER') {
    return (
      <Note icon="lock" title="No board is shared with you yet">
        <p>
          You are a member of {viewer.workspace.name}, but may not read any of its boards. Ask an owner or admin for access: what
          happens from then on appears here by itself.
        </p>
      </Note>
    );
  }
  if (board && !isReadable(board)) return <NoSuchBoard />;
  const isPart = Object.keys(feedFilter(route.value.params)).length > 0;
  return (
    <Note icon="inbox" title={isPart ? 'Nothing of this has happened yet' : 'Nothing has happened yet'}>
      <p>
        {isPart ? 'This shows a part of the log, and appears by itself when there is something.' : 'What agents and people log will appear here as it happens.'}{' '}
        {isPart && <a href={href([])}>Show everything</a>}
      </p>
    </Note>
  );
}

function Filters({ board }: { board: string | null }) {
  const { params } = route.value;
  return (
    <div class="toolbar" role="group" aria-label="What the feed shows">
      <div class="segments">
        {PRESETS.map((preset) => (
          <a
            key={preset.label}
            href={withParams({ category: preset.category, type: preset.type })}
            aria-current={isChosen(preset, params) ? 'true' : undefined}
          >
            {preset.label}
          </a>
        ))}
      </div>
      <Picker name="category" />
      <Picker name="type" />
      <BoardSelect board={board} />
    </div>
  );
}

function List({ reply }: { reply: (event: LineFragment) => void }) {
  const writable = new Set(writableBoards.value.map(({ id }) => id));
  let place = 0;
  return (
    <div role="feed" class="card list" aria-label="Activity" aria-busy={feed.state.value === 'more'}>
      {feed.chunks.value.map(({ id, items, isBelow }) => {
        const first = place + 1;
        place += items.length;
        return (
          <Chunk key={id} guessPx={isBelow ? items.length * ITEM_PX : undefined}>
            {() =>
              items.map((event, index) => (
                <Item
                  key={event.id}
                  event={event}
                  place={first + index}
                  {...(event.boardId && writable.has(event.boardId) ? { reply } : {})}
                />
              ))
            }
          </Chunk>
        );
      })}
    </div>
  );
}

export function FeedView() {
  const { params } = route.value;
  const board = params.get('board');
  const filter = JSON.stringify(feedFilter(params));
  const [target, setTarget] = useState<Target | null>(null);
  useTop();
  useEffect(() => feed.show(feedFilter(params)), [filter]);
  useEffect(() => keepChoice(params), [params]);
  const reply = (event: LineFragment) => {
    if (event.task) setTarget({ id: event.task.id, title: event.task.title });
    scrollTo({ top: 0, behavior: 'smooth' });
  };
  const isEmpty = feed.chunks.value.length === 0;
  return (
    <>
      <header class="view-head">
        <h1>Feed</h1>
        <Filters board={board} />
      </header>
      <Composer board={board} target={target} choose={setTarget} />
      <Missed />
      <Heard />
      {feed.problem.value ? <ProblemNote problem={feed.problem.value} again={() => void feed.start()} /> : null}
      {isEmpty && feed.state.value === 'loading' && <Loading rows={7} />}
      {isEmpty && feed.state.value === 'ready' && !feed.problem.value && <Empty board={board} />}
      {!isEmpty && <List reply={reply} />}
      {feed.stuck.value ? <ProblemNote problem={feed.stuck.value} again={() => void feed.loadOlder()} /> : null}
      {!isEmpty && feed.hasMore.value && !feed.stuck.value && <More load={() => void feed.loadOlder()} isBusy={feed.state.value === 'more'} length={feed.chunks.value.length} />}
      {!isEmpty && !feed.hasMore.value && <p class="end-of-list">{filter === '{}' ? 'This is where the log begins.' : 'That is all there is of this.'}</p>}
    </>
  );
}
