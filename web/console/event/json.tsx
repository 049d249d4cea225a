/** A JSON value as it is read: keys, values, levels. As elements, never as HTML. */
import type { ComponentChildren } from 'preact';

function Value({ value, depth }: { value: unknown; depth: number }): ComponentChildren {
  if (value === null) return <span class="json-null">null</span>;
  if (typeof value === 'string') return <span class="json-text">{JSON.stringify(value)}</span>;
  if (typeof value !== 'object') return <span class="json-number">{String(value)}</span>;
  const isList = Array.isArray(value);
  const entries = Object.entries(value);
  const [open, close] = isList ? '[]' : '{}';
  if (entries.length === 0) return `${open}${close}`;
  const indent = '  '.repeat(depth + 1);
  return (
    <>
      {open}
      {entries.map(([key, inner], place) => (
        <span key={key}>
          {`\n${indent}`}
          {!isList && <span class="json-key">{JSON.stringify(key)}</span>}
          {!isList && ': '}
          <Value value={inner} depth={depth + 1} />
          {place < entries.length - 1 && ','}
        </span>
      ))}
      {`\n${'  '.repeat(depth)}${close}`}
    </>
  );
}

export function Json({ value }: { value: unknown }) {
  return (
    <pre class="json" tabIndex={0} role="region" aria-label="Metadata">
      <Value value={value} depth={0} />
    </pre>
  );
}
