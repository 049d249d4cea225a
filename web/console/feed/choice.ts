/** What the feed shows, read from the address: a board, categories, types. The API's own filter says it, to the page and to the
 * subscription alike, so nothing is sent to be thrown away. It says what is shown and never what is hidden: a type that nobody has
 * heard of yet is missing only from what somebody chose.
 */
import { signal } from '@preact/signals';
import type { ActivityEventFilter } from '../api/operations';

export const COMMENT = 'task.comment';

interface Preset {
  label: string;
  category: readonly string[];
  type: readonly string[];
}

/** What people ask for most, in a click. Work leaves out that agents are alive, and who signed in or was given access. */
export const PRESETS: readonly Preset[] = [
  { label: 'Everything', category: [], type: [] },
  { label: 'Work', category: ['approval', 'board', 'event', 'project', 'task'], type: [] },
  { label: 'Comments', category: [], type: [COMMENT] },
];

const listOf = (params: URLSearchParams, name: 'category' | 'type') => [...new Set(params.getAll(name))].sort();

export function feedFilter(params: URLSearchParams): ActivityEventFilter {
  const [board, category, eventType] = [params.get('board'), listOf(params, 'category'), listOf(params, 'type')];
  return {
    ...(board ? { boardId: [board] } : {}),
    ...(category.length > 0 ? { category } : {}),
    ...(eventType.length > 0 ? { eventType } : {}),
  };
}

export function isChosen(preset: Preset, params: URLSearchParams): boolean {
  return (['category', 'type'] as const).every((name) => listOf(params, name).join() === [...preset[name]].sort().join());
}

/** The choice of this sign-in, which the way back from another view leads to. */
export const lastChoice = signal(new URLSearchParams());

export function keepChoice(params: URLSearchParams): void {
  const kept = new URLSearchParams([...params].filter(([name]) => ['board', 'category', 'type'].includes(name)));
  if (kept.toString() !== lastChoice.peek().toString()) lastChoice.value = kept;
}
