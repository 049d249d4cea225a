/** What a view shows when it has nothing to show: it loads, it is empty, it may not, it failed. Each says what to do next. */
import type { ComponentChildren } from 'preact';
import { Problem } from '../api/http';
import { Icon, type IconName } from './icons';

interface NoteProps {
  icon: IconName;
  title: string;
  children: ComponentChildren;
  kind?: 'quiet' | 'problem';
}

export function Note({ icon, title, children, kind = 'quiet' }: NoteProps) {
  return (
    <div class={`note ${kind === 'problem' ? kind : ''}`} role={kind === 'problem' ? 'alert' : undefined}>
      <Icon name={icon} size={28} />
      <h2>{title}</h2>
      {children}
    </div>
  );
}

export function Loading({ rows = 5 }: { rows?: number }) {
  return (
    <div class="loading" role="status">
      <span class="hidden">Loading…</span>
      {Array.from({ length: rows }, (_, place) => (
        <div key={place} class="skeleton" aria-hidden="true">
          <span class="avatar" />
          <span class="bar" />
          <span class="bar short" />
        </div>
      ))}
    </div>
  );
}

const ADVICE: Record<string, [string, string]> = {
  NETWORK: ['The server does not answer', 'It may be restarting, or your network is away. Nothing is lost: try again in a moment.'],
  NOT_FOUND: ['Nothing to see here', 'It does not exist, or you may not see it. Check the address, or ask an owner of the workspace for the board.'],
  FORBIDDEN: ['You may not do this', 'Your token lacks the right. Sign in with another, or ask an owner of the workspace.'],
  UNAVAILABLE: ['The server is busy', 'It could not answer in time. Try again in a moment, or ask for a shorter time.'],
  RATE_LIMITED: ['Too many questions at once', 'Wait a moment, then try again.'],
  BAD_USER_INPUT: ['This cannot be asked', 'Change the filter and try again.'],
};

export function ProblemNote({ problem, again }: { problem: unknown; again?: () => void }) {
  const { code, message } = problem instanceof Problem ? problem : new Problem('INTERNAL', String(problem));
  const [title, advice] = ADVICE[code] ?? ['Something went wrong', 'Try again. If it stays, tell whoever runs this server.'];
  return (
    <Note icon="alert" title={title} kind="problem">
      <p>{advice}</p>
      <p class="quiet">
        <code>{code}</code> {message}
      </p>
      {again && (
        <button type="button" class="button" onClick={again}>
          Try again
        </button>
      )}
    </Note>
  );
}
