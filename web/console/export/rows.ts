/** Events as lines of CSV and JSONL. In CSV nothing is a formula to a spreadsheet, whoever wrote it. */
import type { ExportQuery } from '../api/operations';

export type Exported = ExportQuery['activityEvents']['nodes'][number];
export type Format = 'csv' | 'jsonl';

const COLUMNS: [string, (event: Exported) => unknown][] = [
  ['sequence', (event) => event.sequence],
  ['createdAt', (event) => event.createdAt],
  ['occurredAt', (event) => event.occurredAt],
  ['eventType', (event) => event.eventType],
  ['category', (event) => event.category],
  ['action', (event) => event.action],
  ['outcome', (event) => event.outcome],
  ['actorKind', (event) => event.actor.kind],
  ['actorId', (event) => event.actor.id],
  ['actorName', (event) => event.actor.name],
  ['actorRole', (event) => event.actor.role],
  ['onBehalfOfId', (event) => event.onBehalfOf?.id],
  ['onBehalfOfName', (event) => event.onBehalfOf?.name],
  ['boardId', (event) => event.boardId],
  ['boardName', (event) => event.board?.name],
  ['taskId', (event) => event.taskId],
  ['taskTitle', (event) => event.task?.title],
  ['entityType', (event) => event.entityType],
  ['entityId', (event) => event.entityId],
  ['entityName', (event) => event.entityName],
  ['message', (event) => event.message],
  ['changes', (event) => (event.changes.length > 0 ? JSON.stringify(event.changes) : null)],
  ['metadata', (event) => (Object.keys(event.metadata as object).length > 0 ? JSON.stringify(event.metadata) : null)],
  ['correlationId', (event) => event.correlationId],
  ['id', (event) => event.id],
];

// What makes a spreadsheet take a cell for a formula, also behind blanks and in full width; a tab or a line break can move what
// follows into a cell of its own.
const FORMULA = /^\s*[=+\-@＝＋－＠\t\r\n|%]/u;

/** A field by RFC 4180, always in quotes; what might be a formula begins with an apostrophe. */
export function cell(value: unknown): string {
  const text = value === null || value === undefined ? '' : String(value);
  return `"${(FORMULA.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
}

/** The byte order mark tells Excel that this is UTF-8. */
export const HEADS: Record<Format, string> = {
  csv: `\ufeff${COLUMNS.map(([name]) => cell(name)).join(',')}\r\n`,
  jsonl: '',
};

export function lines(events: readonly Exported[], format: Format): string {
  if (format === 'jsonl') return events.map((event) => `${JSON.stringify(event)}\n`).join('');
  return events.map((event) => `${COLUMNS.map(([, read]) => cell(read(event))).join(',')}\r\n`).join('');
}
