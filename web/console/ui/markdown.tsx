/** Markdown of comments as elements, never as HTML: tags are shown as they were typed, images as links, and links lead to the
 * web or to a mail address only. Nothing that a comment says can make the page load something.
 */
import { type Token, type Tokens, lexer } from 'marked';
import type { ComponentChildren } from 'preact';

const SAFE = /^(https?:|mailto:)/i;
const CHARACTERS_MAX = 16_384;

function Link({ to, children }: { to: string; children: ComponentChildren }) {
  if (!SAFE.test(to)) return <>{children}</>;
  return (
    <a href={to} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  );
}

const inside = (tokens: Token[] | undefined) => (tokens ?? []).map(one);

function Table({ token }: { token: Tokens.Table }) {
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label="Table">
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

function List({ token }: { token: Tokens.List }) {
  const items = token.items.map((item, place) => (
    <li key={place}>
      {item.task && <span aria-label={item.checked ? 'done' : 'open'}>{item.checked ? '☑ ' : '☐ '}</span>}
      {inside(item.tokens.filter(({ type }) => type !== 'checkbox'))}
    </li>
  ));
  return token.ordered ? <ol start={Number(token.start) || 1}>{items}</ol> : <ul>{items}</ul>;
}

function one(token: Token, key: number): ComponentChildren {
  switch (token.type) {
    case 'space':
      return null;
    case 'paragraph':
      return <p key={key}>{inside(token.tokens)}</p>;
    case 'heading':
      return <p key={key} class="heading">{inside(token.tokens)}</p>;
    case 'blockquote':
      return <blockquote key={key}>{inside(token.tokens)}</blockquote>;
    case 'list':
      return <List key={key} token={token as Tokens.List} />;
    case 'table':
      return <Table key={key} token={token as Tokens.Table} />;
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

export function Markdown({ text }: { text: string }) {
  return <div class="markdown">{inside(lexer(text.slice(0, CHARACTERS_MAX), { gfm: true, breaks: true }))}</div>;
}
