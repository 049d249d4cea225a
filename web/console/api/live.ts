/** The live feed over one socket: it comes back by itself, and goes on after the last item that was seen, so nothing is shown twice
 * and nothing is missing. What the server promises for that is in docs/protocol.md.
 */
import { signal } from '@preact/signals';
import { type Client, createClient } from 'graphql-ws';
import { QuietSocket } from '../../shared/quiet-socket';
import { type Credentials, headersOf, Problem } from './http';
import { type ActivityEventFilter, Live, type LiveSubscription } from './operations';

export type Connection = 'off' | 'connecting' | 'live' | 'lost';
export type LiveEvent = LiveSubscription['activityLogged'];

const PING_MS = 10_000;
const PONG_MS = 5_000;
const AGAIN_MS = 1_000;
const RETRY_FIRST_MS = 250;
const RETRY_MS_MAX = 5_000;
const LINGER_MS = 3_000;
const FORBIDDEN = 4403;
const WORTH_ANOTHER_TRY = new Set<unknown>(['UNAVAILABLE', 'RATE_LIMITED', 1011]);

/** What the badge shows. */
export const connection = signal<Connection>('off');

/** Whose connection the badge is about: what the one of a session before says of its end is no news. */
let current: object;
let followers = 0;

function show(whose: object, state: Connection): void {
  if (whose === current) connection.value = state;
}

/** Exponential, with a random part so that the tabs of a restarted server do not all come at once; sooner when the network is back. */
function retryWait(retries: number): Promise<void> {
  const ms = Math.min(RETRY_MS_MAX, RETRY_FIRST_MS * 2 ** retries);
  return new Promise((done) => {
    setTimeout(done, ms * (0.75 + Math.random() / 2));
    addEventListener('online', () => done(), { once: true });
  });
}

export function openSocket(who: Credentials): Client {
  const url = new URL('/graphql', location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  let socket: WebSocket | undefined;
  let unanswered: ReturnType<typeof setTimeout> | undefined;
  const own = {};
  current = own;
  return createClient({
    url: url.href,
    webSocketImpl: QuietSocket,
    connectionParams: headersOf(who),
    keepAlive: PING_MS,
    lazyCloseTimeout: LINGER_MS, // another filter is another subscription, but no reason to connect anew
    retryAttempts: Number.POSITIVE_INFINITY,
    retryWait,
    shouldRetry: (problem) => (problem as CloseEvent).code !== FORBIDDEN,
    on: {
      connecting: () => {
        if (connection.value === 'off') show(own, 'connecting');
      },
      opened: (opened) => {
        socket = opened as WebSocket;
      },
      connected: () => {
        show(own, 'live');
      },
      closed: () => {
        clearTimeout(unanswered);
        show(own, followers > 0 ? 'lost' : 'off');
      },
      // A connection that died silently (a laptop that slept) is closed here, and so opened again.
      ping: (received) => {
        if (!received) unanswered = setTimeout(() => socket?.close(4408, 'no pong'), PONG_MS);
      },
      pong: (received) => {
        if (received) clearTimeout(unanswered);
      },
    },
  });
}

export interface From {
  after?: string | undefined;
  since?: string | undefined;
}

/** Calls `onEvent` with each event that follows. `onEnd` is called when going on is no use. Returns what stops it. */
export function follow(
  client: Client,
  filter: ActivityEventFilter,
  from: From,
  onEvent: (event: LiveEvent) => void,
  onEnd: (problem: Problem) => void,
): () => void {
  // graphql-ws sends the same payload when it comes back, so its cursor is kept up to date.
  const variables: Record<string, unknown> = { filter, ...from };
  let again: ReturnType<typeof setTimeout> | undefined;
  let stop = () => {};
  let last: Problem | undefined;
  let isOver = false;
  followers += 1;
  const leave = () => {
    if (isOver) return;
    isOver = true;
    followers -= 1;
    if (followers === 0 && connection.value === 'lost') connection.value = 'off'; // nobody waits for it to come back
  };
  const end = (code: unknown, message: string) => {
    if (WORTH_ANOTHER_TRY.has(code)) {
      again = setTimeout(start, AGAIN_MS);
      return;
    }
    leave();
    onEnd(new Problem(code === FORBIDDEN ? 'UNAUTHENTICATED' : String(code), message));
  };
  const start = () => {
    last = undefined;
    stop = client.subscribe<LiveSubscription>(
      { query: Live, variables },
      {
        next({ data, errors }) {
          if (errors?.[0]) last = new Problem(String(errors[0].extensions?.code), errors[0].message);
          if (!data) return; // the stream ends with this, and `complete` follows
          variables.after = data.activityLogged.cursor;
          delete variables.since;
          onEvent(data.activityLogged);
        },
        error(problem) {
          const [first] = Array.isArray(problem) ? problem : [];
          if (first) end(first.extensions?.code, first.message);
          else end((problem as CloseEvent).code ?? 'NETWORK', (problem as CloseEvent).reason || 'The connection ended.');
        },
        complete() {
          if (last) end(last.code, last.message);
        },
      },
    );
  };
  start();
  return () => {
    clearTimeout(again);
    leave();
    stop();
  };
}
