/** Writes a comment: a task of a board that one may write, and what to say. A retry after a lost answer never says it twice. */
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { AddComment, Tasks } from '../api/operations';
import { useAnswer } from '../state/pages';
import { ask, writableBoards } from '../state/session';
import { Icon } from '../ui/icons';

export interface Target {
  id: string;
  title: string;
}

const LENGTH_MAX = 16_000;

/** A key of its own for each comment. (`randomUUID` is there on secure pages only.) */
function makeKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `console-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

function TaskPicker({ board, choose }: { board: string | null; choose: (target: Target) => void }) {
  const [text, setText] = useState('');
  const list = useId();
  const writable = new Set(writableBoards.value.map(({ id }) => id));
  const { data } = useAnswer(`${board} ${text}`, (signal) =>
    ask(Tasks, { text: text.trim() || null, boardId: board && writable.has(board) ? board : null, first: 50 }, signal),
  );
  const tasks = (data?.tasks.nodes ?? []).filter((task) => !task.isDeleted && task.board && writable.has(task.board.id)).slice(0, 8);
  return (
    <div class="task-picker">
      <label class="hidden" for={`${list}-input`}>
        Task to comment on
      </label>
      <input
        id={`${list}-input`}
        type="search"
        class="input"
        placeholder="Find a task…"
        value={text}
        autocomplete="off"
        onInput={({ currentTarget }) => setText(currentTarget.value)}
      />
      <ul class="options" aria-label="Tasks">
        {tasks.map((task) => (
          <li key={task.id}>
            <button type="button" class="option" onClick={() => choose({ id: task.id, title: task.title })}>
              <span>{task.title}</span> <span class="quiet">{task.board?.name}</span>
            </button>
          </li>
        ))}
        {data && tasks.length === 0 && <li class="quiet">No task that you may write on has this in its title.</li>}
      </ul>
    </div>
  );
}

interface ComposerProps {
  board: string | null;
  target: Target | null;
  choose: (target: Target | null) => void;
}

export function Composer({ board, target, choose }: ComposerProps) {
  const [isOpen, setOpen] = useState(false);
  const [message, setMessage] = useState('');
  const [state, setState] = useState<'idle' | 'sending'>('idle');
  const [problem, setProblem] = useState('');
  const key = useRef(makeKey());
  const area = useRef<HTMLTextAreaElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  const wasOpen = useRef(false);
  const place = useId();
  useEffect(() => {
    if (target) area.current?.focus();
    key.current = makeKey();
  }, [target]);
  const isClosed = !isOpen && !target;
  useEffect(() => {
    if (isClosed && wasOpen.current) opener.current?.focus({ preventScroll: true }); // what had the focus is gone
    wasOpen.current = !isClosed;
  }, [isClosed]);
  if (writableBoards.value.length === 0) return null;
  const close = () => {
    setOpen(false);
    choose(null);
    setProblem('');
  };
  const send = async (event: Event) => {
    event.preventDefault();
    if (!target || !message.trim()) return;
    setState('sending');
    setProblem('');
    try {
      const { addTaskComment } = await ask(AddComment, { taskId: target.id, message, key: key.current });
      const [error] = addTaskComment.errors;
      if (error) setProblem(error.message);
      else {
        key.current = makeKey();
        setMessage('');
        close();
      }
    } catch (error) {
      setProblem(`${error instanceof Error ? error.message : error} Your text is still here: send it again.`);
    }
    setState('idle');
  };
  if (isClosed) {
    return (
      <button type="button" class="composer-closed" ref={opener} onClick={() => setOpen(true)}>
        <Icon name="comment" /> Add a comment…
      </button>
    );
  }
  return (
    <form class="composer card" onSubmit={(event) => void send(event)} onKeyDown={(event) => event.key === 'Escape' && close()}>
      {target ? (
        <p class="composer-target">
          On <strong>{target.title}</strong>{' '}
          <button type="button" class="link" onClick={() => { choose(null); setOpen(true); }}>
            another task
          </button>
        </p>
      ) : (
        <TaskPicker board={board} choose={choose} />
      )}
      <label class="hidden" for={place}>
        Comment
      </label>
      <textarea
        id={place}
        class="input"
        dir="auto"
        rows={3}
        maxLength={LENGTH_MAX}
        placeholder="What is there to say? Markdown works."
        value={message}
        disabled={!target}
        ref={area}
        onInput={({ currentTarget }) => {
          key.current = makeKey(); // another text is another comment
          setMessage(currentTarget.value);
        }}
        onKeyDown={(event) => event.key === 'Enter' && (event.metaKey || event.ctrlKey) && void send(event)}
      />
      {problem && <p role="alert" class="error">{problem}</p>}
      <div class="row end">
        <button type="button" class="button quiet" onClick={close}>
          Cancel
        </button>
        <button type="submit" class="button primary" disabled={!target || !message.trim() || state === 'sending'}>
          {state === 'sending' ? 'Sending…' : 'Comment'}
        </button>
      </div>
    </form>
  );
}
