/** The small parts that every view uses: who, when, where, how it ended. */
import type { LineFragment, Outcome } from '../api/operations';
import { ago, exact } from '../state/clock';
import { href } from '../state/route';
import { Icon, type IconName } from './icons';
import { brief, nameOf, roleOf, type Who } from './words';

const HUES = 8;

/** One of the hues of the palette for whatever has this id: always the same one. */
export function hueOf(id: string): number {
  let sum = 0;
  for (const letter of id) sum = (sum * 31 + letter.charCodeAt(0)) >>> 0;
  return sum % HUES;
}

const MARKS: Partial<Record<Who['kind'], IconName>> = { AGENT: 'agent', SERVICE: 'service', SYSTEM: 'system' };

/** A circle with initials for people, a square with a mark for machines: told apart without colour. */
export function Avatar({ who, small = false }: { who: Who; small?: boolean }) {
  const mark = MARKS[who.kind];
  const initials = nameOf(who).split(/\s+/).map((word) => word[0] ?? '').slice(0, 2).join('').toUpperCase();
  return (
    <span class={`avatar hue-${hueOf(who.id)} ${mark ? 'machine' : 'person'} ${small ? 'small' : ''}`} aria-hidden="true">
      {mark ? <Icon name={mark} size={small ? 14 : 20} /> : initials}
    </span>
  );
}

export function Person({ who }: { who: Who }) {
  return (
    <>
      <a class="name" dir="auto" href={href(['search'], { actor: who.id })}>{nameOf(who)}</a> <span class="role">{roleOf(who)}</span>
    </>
  );
}

export function Time({ at, absolute }: { at: string; absolute?: string }) {
  return (
    <time dateTime={at} title={exact(at)}>
      {absolute ?? ago(at)}
    </time>
  );
}

export function BoardChip({ board }: { board: { id: string; name: string } }) {
  return (
    <a class="chip board" href={href(['search'], { board: board.id })}>
      <span class={`dot hue-${hueOf(board.id)}`} />
      {board.name}
    </a>
  );
}

const OUTCOMES: Record<Outcome, string> = { SUCCESS: 'Succeeded', FAILURE: 'Failed', DENIED: 'Denied' };

export function OutcomePill({ outcome, always = false }: { outcome: Outcome; always?: boolean }) {
  if (outcome === 'SUCCESS' && !always) return null;
  return <span class={`pill ${outcome.toLowerCase()}`}>{OUTCOMES[outcome]}</span>;
}

const CHANGES_INLINE = 3;

/** What changed, in a line each: `status todo → doing`. Long values are whole in the event itself. */
export function Changes({ changes }: { changes: LineFragment['changes'] }) {
  if (changes.length === 0) return null;
  return (
    <ul class="changes">
      {changes.slice(0, CHANGES_INLINE).map(({ path, before, after }) => (
        <li key={path}>
          <span class="path">{path}</span> {before === null || before === undefined ? brief(before) : <del dir="auto">{brief(before)}</del>}{' '}
          <span aria-label="to">→</span> <ins dir="auto">{brief(after)}</ins>
        </li>
      ))}
      {changes.length > CHANGES_INLINE && <li class="quiet">and {changes.length - CHANGES_INLINE} more</li>}
    </ul>
  );
}
