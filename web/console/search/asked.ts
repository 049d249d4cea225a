/** What is searched for: read from the address, said to the API. The address is the only place where it is kept. */
import type { ActivityEventFilter, Outcome } from '../api/operations';

export const RANGES = { '1h': 'Last hour', '24h': 'Last 24 hours', '7d': 'Last 7 days', '30d': 'Last 30 days', all: 'All time' } as const;
export type Range = keyof typeof RANGES;

const HOURS: Record<Exclude<Range, 'all'>, number> = { '1h': 1, '24h': 24, '7d': 168, '30d': 720 };
const HOUR_MS = 3_600_000;
const TEXT_MIN = 3;
const THE_BEGINNING = '1970-01-01T00:00:00Z';

export const FACETS = {
  category: ['Category', 'CATEGORY', 'category'],
  type: ['Type', 'EVENT_TYPE', 'eventType'],
  actor: ['Actor', 'ACTOR', 'actorId'],
  agent: ['Agent', 'AGENT', 'agentId'],
  board: ['Board', 'BOARD', 'boardId'],
  task: ['Task', 'TASK', 'taskId'],
} as const;
export type FacetName = keyof typeof FACETS;

/** Everything in the address that says what is searched for; `event`, which is open beside it, is not part of that. */
export function questionOf(params: URLSearchParams): string {
  const kept = new URLSearchParams(params);
  kept.delete('event');
  return kept.toString();
}

export function rangeOf(params: URLSearchParams): Range | 'custom' {
  if (params.get('from') || params.get('to')) return 'custom';
  const range = params.get('range');
  return range && range in RANGES ? (range as Range) : 'all';
}

/** The filter that the address asks for; `without` leaves one facet out, to count what else there is. */
export function filterOf(params: URLSearchParams, without?: FacetName | 'outcome'): ActivityEventFilter {
  const filter: ActivityEventFilter = {};
  for (const name of Object.keys(FACETS) as FacetName[]) {
    const values = params.getAll(name);
    if (values.length > 0 && name !== without) filter[FACETS[name][2]] = values;
  }
  const outcome = params.get('outcome');
  if (outcome && without !== 'outcome') filter.outcome = [outcome as Outcome];
  const text = params.get('text')?.trim() ?? '';
  if (text.length >= TEXT_MIN) filter.text = text;
  const correlation = params.get('correlation');
  if (correlation) filter.correlationId = correlation;
  const range = rangeOf(params);
  if (range === 'custom') {
    if (params.get('from')) filter.since = params.get('from');
    if (params.get('to')) filter.until = params.get('to');
  } else if (range !== 'all') filter.since = new Date(Date.now() - HOURS[range] * HOUR_MS).toISOString();
  return filter;
}

/** The same for counts, which take the time beside the filter. */
export function countedBy(params: URLSearchParams, without?: FacetName) {
  const { since, until, ...filter } = filterOf(params, without);
  return { filter, since: since ?? THE_BEGINNING, until: until ?? null };
}
