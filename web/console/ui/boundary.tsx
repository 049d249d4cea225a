/** Keeps what cannot be drawn from taking the rest of the page along. */
import type { ComponentChildren } from 'preact';
import { useErrorBoundary } from 'preact/hooks';
import { ProblemNote } from './states';

/** A part of a list: in its place stands a line that says so. */
export function Spared({ children }: { children: ComponentChildren }) {
  const [error] = useErrorBoundary();
  return error ? <p class="end-of-list">This event cannot be shown here.</p> : <>{children}</>;
}

/** A view: it says what happened, and can be tried again. */
export function Guarded({ children }: { children: ComponentChildren }) {
  const [error, again] = useErrorBoundary();
  return error ? <ProblemNote problem={error} again={again} /> : <>{children}</>;
}
