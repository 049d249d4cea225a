/** Names of ids that were seen somewhere, so that a filter can say "Torque" where the address says a UUID. */
import { signal } from '@preact/signals';
import type { LineFragment } from '../api/operations';
import { nameOf } from '../ui/words';

const NAMES_MAX = 5_000;

export const names = signal<ReadonlyMap<string, string>>(new Map());

export function remember(found: Iterable<readonly [string, string]>): void {
  const fresh = [...found].filter(([id, name]) => names.peek().get(id) !== name);
  if (fresh.length > 0) names.value = new Map([...names.peek(), ...fresh].slice(-NAMES_MAX));
}

export function rememberEvents(events: readonly LineFragment[]): void {
  remember(
    events.flatMap(({ actor, board, task }): [string, string][] => [
      [actor.id, nameOf(actor)],
      ...(board ? [[board.id, board.name] as [string, string]] : []),
      ...(task ? [[task.id, task.title] as [string, string]] : []),
    ]),
  );
}

export const called = (id: string) => names.value.get(id) ?? `${id.slice(0, 8)}…`;
