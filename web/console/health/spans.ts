/** The spans of time that Health shows, each with the width of its points. */
import type { Bucket } from '../api/operations';
import { date, stamp } from '../state/clock';

const HOUR_MS = 3_600_000;

export const SPANS = {
  day: { label: '24 hours', bucket: 'HOUR', hours: 24 },
  week: { label: '7 days', bucket: 'DAY', hours: 168 },
  month: { label: '30 days', bucket: 'DAY', hours: 720 },
  quarter: { label: '90 days', bucket: 'WEEK', hours: 2160 },
} as const satisfies Record<string, { label: string; bucket: Bucket; hours: number }>;
export type Span = keyof typeof SPANS;

/** How a point of this width is called. */
export const nameOf = (span: Span) => (SPANS[span].bucket === 'HOUR' ? stamp : date);

export const spanOf = (params: URLSearchParams): Span => {
  const asked = params.get('span');
  return asked && asked in SPANS ? (asked as Span) : 'week';
};
export const sinceOf = (span: Span) => new Date(Date.now() - SPANS[span].hours * HOUR_MS).toISOString();
