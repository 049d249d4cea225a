/** Writes what the search finds into a file: read from the API page by page, with progress, until it is done or cancelled. */
import { useRef, useState } from 'preact/hooks';
import { Export as Page } from '../api/operations';
import { filterOf } from '../search/asked';
import { route } from '../state/route';
import { ask } from '../state/session';
import { Icon } from '../ui/icons';
import { HEADS, lines, type Format } from './rows';

const PAGE = 200;
const EVENTS_MAX = 250_000;
const KINDS: Record<Format, string> = { csv: 'text/csv;charset=utf-8', jsonl: 'application/x-ndjson' };

type State = { step: 'idle' } | { step: 'running'; count: number } | { step: 'done'; count: number; isCut: boolean } | { step: 'failed'; message: string };

function save(parts: Blob[], format: Format): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob(parts, { type: KINDS[format] }));
  link.download = `trailcast-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.${format}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

interface Props {
  total: { count: number; isExact: boolean } | undefined;
}

export function Export({ total }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [state, setState] = useState<State>({ step: 'idle' });
  const running = useRef(new AbortController());

  const run = async (format: Format) => {
    const { signal } = (running.current = new AbortController());
    const filter = filterOf(route.value.params);
    const parts = [new Blob([HEADS[format]])];
    let [count, after, goesOn] = [0, null as string | null, true];
    setState({ step: 'running', count });
    try {
      while (goesOn && count < EVENTS_MAX) {
        const { activityEvents: page } = await ask(Page, { filter, first: PAGE, after }, signal);
        parts.push(new Blob([lines(page.nodes, format)])); // a Blob, so that the browser may keep it on disk
        count += page.nodes.length;
        after = page.pageInfo.endCursor ?? null;
        goesOn = page.pageInfo.hasNextPage;
        setState({ step: 'running', count });
      }
      save(parts, format);
      setState({ step: 'done', count, isCut: goesOn });
    } catch (error) {
      if (signal.aborted) setState({ step: 'idle' });
      else setState({ step: 'failed', message: error instanceof Error ? error.message : String(error) });
    }
  };
  const close = () => {
    running.current.abort();
    dialog.current?.close();
    setState({ step: 'idle' });
  };
  return (
    <>
      <button type="button" class="button" onClick={() => dialog.current?.showModal()} disabled={total?.count === 0}>
        <Icon name="download" size={18} /> Export
      </button>
      <dialog ref={dialog} class="card dialog" aria-labelledby="export-title" onCancel={(event) => { event.preventDefault(); close(); }}>
        <h2 id="export-title">Export what is found</h2>
        <Step state={state} total={total} run={(format) => void run(format)} />
        <div class="row end">
          {state.step === 'running' ? (
            <button type="button" class="button" onClick={() => running.current.abort()}>Cancel</button>
          ) : (
            <button type="button" class="button quiet" onClick={close}>Close</button>
          )}
        </div>
      </dialog>
    </>
  );
}

function Step({ state, total, run }: { state: State; total: Props['total']; run: (format: Format) => void }) {
  const all = Math.min(total?.count ?? 0, EVENTS_MAX);
  if (state.step === 'running') {
    return (
      <div class="stack">
        {total?.isExact ? <progress max={all} value={state.count} aria-label="Progress" /> : <progress aria-label="Progress" />}
        <p role="status">
          {state.count.toLocaleString('en')} {total?.isExact ? `of ${all.toLocaleString('en')} ` : ''}events read
        </p>
      </div>
    );
  }
  if (state.step === 'done') {
    return (
      <p role="status">
        {state.count.toLocaleString('en')} events are in the file.
        {state.isCut && ' There are more than one file takes: narrow the time, and export the rest by itself.'}
      </p>
    );
  }
  return (
    <div class="stack">
      {state.step === 'failed' && <p role="alert" class="error">It stopped: {state.message} Nothing was saved; try again.</p>}
      <p class="quiet">Newest first, as far as you may see it. What is logged from now on is not in it.</p>
      <div class="row">
        <button type="button" class="button primary" onClick={() => run('csv')}>CSV, for spreadsheets</button>
        <button type="button" class="button" onClick={() => run('jsonl')}>JSONL, for programs</button>
      </div>
    </div>
  );
}
