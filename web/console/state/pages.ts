/** A list that is read page by page, as a view uses it: `first` was asked, `more` asks for the next, a new question starts anew. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { LineFragment } from '../api/operations';

export interface Page {
  nodes: LineFragment[];
  pageInfo: { hasNextPage: boolean; endCursor: string | null | undefined };
}

export interface Paged {
  chunks: LineFragment[][];
  state: 'loading' | 'ready' | 'more';
  hasMore: boolean;
  problem: unknown;
  more(): void;
  again(): void;
}

type Read = (after: string | null, signal: AbortSignal) => Promise<Page>;
const EMPTY = { chunks: [] as LineFragment[][], after: null as string | null, hasMore: false };

/** `question` says when it is another list. */
export function usePages(question: string, read: Read): Paged {
  const [found, setFound] = useState(EMPTY);
  const [state, setState] = useState<Paged['state']>('loading');
  const [problem, setProblem] = useState<unknown>(null);
  const [attempt, setAttempt] = useState(0);
  const running = useRef(new AbortController());

  const load = (before: typeof EMPTY, kind: 'loading' | 'more') => {
    running.current.abort();
    const { signal } = (running.current = new AbortController());
    setState(kind);
    setProblem(null);
    read(before.after, signal)
      .then(({ nodes, pageInfo }) => {
        if (signal.aborted) return;
        const chunks = nodes.length > 0 ? [...before.chunks, nodes] : before.chunks;
        setFound({ chunks, after: pageInfo.endCursor ?? null, hasMore: pageInfo.hasNextPage });
      })
      .catch((error: unknown) => signal.aborted || setProblem(error))
      .finally(() => signal.aborted || setState('ready'));
  };
  useEffect(() => {
    setFound(EMPTY);
    load(EMPTY, 'loading');
    return () => running.current.abort();
  }, [question, attempt]);

  return {
    chunks: found.chunks,
    state,
    hasMore: found.hasMore,
    problem,
    more: () => state === 'ready' && found.hasMore && load(found, 'more'),
    again: () => (found.chunks.length > 0 ? load(found, 'more') : setAttempt(attempt + 1)),
  };
}

export interface Asked<Data> {
  data: Data | null;
  isBusy: boolean;
  problem: unknown;
  again(): void;
}

/** One answer: the last one stays while the next is on its way. */
export function useAnswer<Data>(question: string, read: (signal: AbortSignal) => Promise<Data>): Asked<Data> {
  const [answer, setAnswer] = useState<{ data: Data | null; isBusy: boolean; problem: unknown }>({ data: null, isBusy: true, problem: null });
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    const running = new AbortController();
    setAnswer((before) => ({ data: before.data, isBusy: true, problem: null }));
    read(running.signal)
      .then((data) => running.signal.aborted || setAnswer({ data, isBusy: false, problem: null }))
      .catch((problem: unknown) => running.signal.aborted || setAnswer({ data: null, isBusy: false, problem }));
    return () => running.abort();
  }, [question, attempt]);
  return { ...answer, again: () => setAttempt(attempt + 1) };
}
