/** Markdown of comments as elements, never as HTML: tags are shown as they were typed, images as links, and links lead to the
 * web or to a mail address only. Nothing that a comment says can make the page load something, or keep it from being shown: what
 * nests too deeply is text, and a long comment is cut until it is asked for.
 */
import { type Token, type Tokens, lexer } from 'marked';
import type { ComponentChildren } from 'preact';
import { useMemo, useState } from 'preact/hooks';

const SAFE = /^(https?:|mailto:)/i;
const DEPTH_MAX = 12;
const LONG_CHARACTERS = 1_500;
const LONG_LINES = 18;

function Link({ to, children }: { to: string; children: ComponentChildren }) {
  if (!SAFE.test(to)) return <>{children}</>;
  return (
    <a href={to} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  );
}

type Inside = (tokens: Token[] | undefined) => ComponentChildren;
/** Each block at the top goes the way its own text does, right to left or left to right; what stands in it goes along. */
type Direction = { dir?: 'auto' };

function Table({ token, inside, way }: { token: Tokens.Table; inside: Inside; way: Direction }) {
  return (
    <div class="table-scroll" {...way} tabIndex={0} role="region" aria-label="Table">
      <table>
        <thead>
          <tr>{token.header.map((cell, place) => <th key={place} scope="col">{inside(cell.tokens)}</th>)}</tr>
        </thead>
        <tbody>
          {token.rows.map((row, place) => (
            <tr key={place}>{row.map((cell, column) => <td key={column}>{inside(cell.tokens)}</td>)}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function List({ token, inside, way }: { token: Tokens.List; inside: Inside; way: Direction }) {
  const items = token.items.map((item, place) => (
    <li key={place}>
      {item.task && <span aria-label={item.checked ? 'done' : 'open'}>{item.checked ? '☑ ' : '☐ '}</span>}
      {inside(item.tokens.filter(({ type }) => type !== 'checkbox'))}
    </li>
  ));
  return token.ordered ? <ol start={Number(token.start) || 1} {...way}>{items}</ol> : <ul {...way}>{items}</ul>;
}

/** The element of a token, which is so many levels down. */
function one(token: Token, key: number, depth: number): ComponentChildren {
  if (depth > DEPTH_MAX) return token.raw;
  const inside: Inside = (tokens) => (tokens ?? []).map((inner, place) => one(inner, place, depth + 1));
  const way: Direction = depth === 0 ? { dir: 'auto' } : {};
  switch (token.type) {
    case 'space':
      return null;
    case 'paragraph':
      return <p key={key} {...way}>{inside(token.tokens)}</p>;
    case 'heading':
      return <p key={key} class="heading" {...way}>{inside(token.tokens)}</p>;
    case 'blockquote':
      return <blockquote key={key} {...way}>{inside(token.tokens)}</blockquote>;
    case 'list':
      return <List key={key} token={token as Tokens.List} inside={inside} way={way} />;
    case 'table':
      return <Table key={key} token={token as Tokens.Table} inside={inside} way={way} />;
    case 'code':
      return <pre key={key} tabIndex={0}><code>{token.text}</code></pre>;
    case 'hr':
      return <hr key={key} />;
    case 'br':
      return <br key={key} />;
    case 'strong':
      return <strong key={key}>{inside(token.tokens)}</strong>;
    case 'em':
      return <em key={key}>{inside(token.tokens)}</em>;
    case 'del':
      return <del key={key}>{inside(token.tokens)}</del>;
    case 'codespan':
      return <code key={key}>{token.text}</code>;
    case 'link':
      return <Link key={key} to={token.href}>{inside(token.tokens)}</Link>;
    case 'image':
      return <Link key={key} to={token.href}>{token.text ? `Image: ${token.text}` : 'Image'}</Link>;
    case 'text':
      return token.tokens ? <>{inside(token.tokens)}</> : unescaped(token.text);
    case 'escape':
      return token.text;
    default:
      return token.raw; // HTML and whatever else there may be: as it was typed
  }
}

/** The lexer leaves entities as they are; the common ones are text here. */
function unescaped(text: string): string {
  return text.replace(/&(amp|lt|gt|quot|#39);/g, (_all, name: string) => ({ amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" })[name] ?? '');
}

function read(text: string): Token[] | null {
  try {
    return lexer(text, { gfm: true, breaks: true });
  } catch {
    return null; // thousands of levels: no more than text
  }
}

/** What is long is cut until it is asked for. */
function Cut({ text, kind, children }: { text: string; kind: string; children: ComponentChildren }) {
  const [isWhole, setWhole] = useState(false);
  const isLong = text.length > LONG_CHARACTERS || text.split('\n').length > LONG_LINES;
  return (
    <>
      <div class={`${kind} ${isLong && !isWhole ? 'cut' : ''}`}>{children}</div>
      {isLong && (
        <button type="button" class="link show-whole" aria-expanded={isWhole} onClick={() => setWhole(!isWhole)}>
          {isWhole ? 'Show less' : 'Show all of it'}
        </button>
      )}
    </>
  );
}

export function Markdown({ text }: { text: string }) {
  const tokens = useMemo(() => read(text), [text]);
  return (
    <Cut text={text} kind="markdown">
      {tokens ? tokens.map((token, place) => one(token, place, 0)) : <p dir="auto">{text}</p>}
    </Cut>
  );
}

/** What an event says that is no comment: text and nothing else. */
export function Message({ text }: { text: string }) {
  return (
    <Cut text={text} kind="message">
      <p dir="auto">{text}</p>
    </Cut>
  );
}
