/** The feed: the newest page, then what follows it live, each event once and in the order of the log.
 *
 * The page is asked first and followed from its newest cursor, so that nothing between the two is lost. An event whose place in the
 * log is not beyond the newest one seen is not shown again. While the reader is away from the top, events wait; too many of them are
 * only counted, and the page is asked anew. What is kept is bounded: the oldest chunks go, and are asked again on the way down.
 */
import { batch, computed, signal } from '@preact/signals';
import { Problem } from '../api/http';
import { follow, type From } from '../api/live';
import { type ActivityEventFilter, Events, type LineFragment } from '../api/operations';
import { ask, noticeEnd, session } from '../state/session';

export const PAGE = 50;
const CHUNK = 50;
const CHUNKS_MAX = 100;
const WAITING_MAX = 1_000;
const FLUSH_MS = 40;
const FLUSH_MS_MAX = 500;
const AGAIN_MS = 3_000;
const THE_BEGINNING = '1970-01-01T00:00:00Z';

export interface Chunked {
  id: number;
  items: LineFragment[];
  /** Came in a burst, below others of it: it is not drawn before somebody comes near. */
  isBelow: boolean;
}

/** Until what was changed is on the screen. A tab that nobody looks at draws nothing, and is not waited for. */
function drawn(): Promise<void> {
  return new Promise((done) => {
    setTimeout(done, FLUSH_MS_MAX);
    requestAnimationFrame(() => setTimeout(done));
  });
}

class Feed {
  readonly chunks = signal<Chunked[]>([]);
  readonly waiting = signal<LineFragment[]>([]);
  readonly uncounted = signal(0);
  readonly state = signal<'loading' | 'ready' | 'more'>('loading');
  readonly problem = signal<unknown>(null);
  /** What kept older events from being read: those that are there stay. */
  readonly stuck = signal<unknown>(null);
  readonly hasMore = signal(false);
  readonly missed = computed(() => this.waiting.value.length + this.uncounted.value);
  /** For people who do not see the list: what came, said now and then. */
  readonly heard = signal(0);
  isAtTop = true;

  private filter: ActivityEventFilter = {};
  private owner: unknown = null;
  private newest = 0;
  private older: string | null = null;
  private ids = 0;
  private arrived: LineFragment[] = [];
  private flushing: ReturnType<typeof setTimeout> | undefined;
  private running = new AbortController();
  private unfollow = () => {};

  /** Show what this filter finds. What is shown already goes on. */
  show(filter: ActivityEventFilter): void {
    const owner = session.peek();
    if (this.owner === owner && JSON.stringify(filter) === JSON.stringify(this.filter) && !this.problem.peek()) return;
    this.owner = owner;
    this.filter = filter;
    void this.start();
  }

  stop(): void {
    this.running.abort();
    this.unfollow();
    clearTimeout(this.flushing);
    this.flushing = undefined;
    this.arrived = [];
    this.owner = null;
  }

  async start(): Promise<void> {
    batch(() => {
      this.chunks.value = [];
      this.waiting.value = [];
      this.uncounted.value = 0;
      this.problem.value = null;
      this.stuck.value = null;
      this.state.value = 'loading';
    });
    await this.begin();
  }

  private async begin(): Promise<void> {
    const owner = this.owner;
    this.stop();
    this.owner = owner;
    this.running = new AbortController();
    const { signal: ended } = this.running;
    try {
      const { activityEvents: page } = await ask(Events, { filter: this.filter, first: PAGE }, ended);
      batch(() => {
        this.problem.value = null;
        this.newest = Number(page.nodes[0]?.sequence ?? 0);
        this.older = page.pageInfo.endCursor ?? null;
        this.hasMore.value = page.pageInfo.hasNextPage;
        this.chunks.value = page.nodes.length > 0 ? [this.chunkOf(page.nodes)] : [];
        this.state.value = 'ready';
      });
      this.followFrom(page.pageInfo.startCursor ? { after: page.pageInfo.startCursor } : { since: THE_BEGINNING });
    } catch (error) {
      if (ended.aborted) return;
      this.fail(error);
      if (error instanceof Problem && error.code === 'NETWORK') this.beginAgain(ended);
    }
  }

  /** The server is away: what was asked is asked again by itself, now and then, and when the network is back. */
  private beginAgain(ended: AbortSignal): void {
    const again = () => void this.begin();
    const timer = setTimeout(again, AGAIN_MS);
    addEventListener('online', again, { once: true, signal: ended });
    ended.addEventListener('abort', () => clearTimeout(timer));
  }

  /** What waited goes to the top. */
  showWaiting(): void {
    if (this.uncounted.value > 0) {
      void this.start();
      return;
    }
    const waiting = this.waiting.value;
    batch(() => {
      this.waiting.value = [];
      this.add(waiting);
    });
  }

  async loadOlder(): Promise<void> {
    if (this.state.value !== 'ready' || !this.hasMore.value) return;
    const { signal: ended } = this.running;
    batch(() => {
      this.state.value = 'more';
      this.stuck.value = null;
    });
    try {
      const { activityEvents: page } = await ask(Events, { filter: this.filter, first: PAGE, after: this.older }, ended);
      if (ended.aborted) return;
      batch(() => {
        this.older = page.pageInfo.endCursor ?? this.older;
        this.hasMore.value = page.pageInfo.hasNextPage;
        if (page.nodes.length > 0) this.chunks.value = [...this.chunks.value, this.chunkOf(page.nodes)];
        this.state.value = 'ready';
      });
    } catch (error) {
      if (ended.aborted) return;
      noticeEnd(error);
      batch(() => {
        this.stuck.value = error;
        this.state.value = 'ready';
      });
    }
  }

  private followFrom(from: From): void {
    const current = session.peek();
    if (current.state !== 'signed-in') return;
    const take = (event: LineFragment) => {
      if (Number(event.sequence) <= this.newest) return;
      this.newest = Number(event.sequence);
      this.arrived.push(event);
      this.flushing ??= setTimeout(() => void this.flush(), FLUSH_MS);
    };
    this.unfollow = follow(current.socket, this.filter, from, take, (problem) => {
      // The log is another one than before, or does not go back that far: ask it anew instead of skipping in silence.
      if (problem.code === 'CURSOR_EXPIRED' || problem.code === 'BAD_CURSOR') void this.start();
      else this.fail(problem);
    });
  }

  private fail(error: unknown): void {
    noticeEnd(error);
    batch(() => {
      this.problem.value = error instanceof Problem ? error : new Problem('INTERNAL', String(error));
      this.state.value = 'ready';
    });
  }

  /** What arrived goes to the list. Drawing gets half of the time at most: the more comes, the more goes at once, and what is above hides
   * the rest of it. */
  private async flush(): Promise<void> {
    const { signal: ended } = this.running;
    const began = performance.now();
    this.put(this.arrived.splice(0).reverse());
    await drawn();
    if (ended.aborted) return;
    const wait = Math.min(FLUSH_MS_MAX, Math.max(FLUSH_MS, performance.now() - began));
    this.flushing = this.arrived.length > 0 ? setTimeout(() => void this.flush(), wait) : undefined;
  }

  private put(arrived: LineFragment[]): void {
    batch(() => {
      this.heard.value += arrived.length;
      const waits = !this.isAtTop || this.waiting.value.length > 0 || this.uncounted.value > 0;
      if (!waits) this.add(arrived);
      else if (this.uncounted.value + this.waiting.value.length + arrived.length > WAITING_MAX) {
        this.uncounted.value += this.waiting.value.length + arrived.length;
        this.waiting.value = [];
      } else this.waiting.value = [...arrived, ...this.waiting.value];
    });
  }

  /** Newest first, at the top; full chunks are left as they are, so that what is on the screen is not drawn again. */
  private add(events: LineFragment[]): void {
    if (events.length === 0) return;
    const [first, ...rest] = this.chunks.value;
    let chunks: Chunked[] = [];
    if (first && first.items.length + events.length < CHUNK * 2) chunks = [{ ...first, items: [...events, ...first.items] }, ...rest];
    else {
      for (let place = 0; place < events.length; place += CHUNK) chunks.push(this.chunkOf(events.slice(place, place + CHUNK), place > 0));
      chunks.push(...this.chunks.value);
    }
    if (chunks.length > CHUNKS_MAX) {
      chunks = chunks.slice(0, CHUNKS_MAX);
      this.older = chunks.at(-1)?.items.at(-1)?.cursor ?? this.older;
      this.hasMore.value = true;
    }
    this.chunks.value = chunks;
  }

  private chunkOf(items: LineFragment[], isBelow = false): Chunked {
    this.ids += 1;
    return { id: this.ids, items, isBelow };
  }
}

export const feed = new Feed();
