/** Events in words: what a type says somebody did, and what it was done to. Unknown types are shown by their own name. */
import type { ActorKind, LineFragment } from '../api/operations';
import { trailHref } from '../state/route';

export type Who = LineFragment['actor'];

// [verb, whether the thing that it was done to follows]
const VERBS: Record<string, [string, boolean]> = {
  'agent.heartbeat': ['is alive', false],
  'agent.killed': ['ended', true],
  'agent.provisioned': ['provisioned', true],
  'agent.spawned': ['started', false],
  'approval.requested': ['asked for approval on', true],
  'approval.reviewed': ['reviewed a request on', true],
  'auth.email_verified': ['verified an e-mail address', false],
  'auth.login': ['signed in', false],
  'auth.login_failed': ['failed to sign in', false],
  'auth.logout': ['signed out', false],
  'auth.password_reset': ['reset a password', false],
  'auth.token_refreshed': ['refreshed a session', false],
  'board.created': ['created the board', true],
  'board.deleted': ['deleted the board', true],
  'board.updated': ['changed the board', true],
  'event.created': ['scheduled', true],
  'event.deleted': ['cancelled', true],
  'event.updated': ['rescheduled', true],
  'project.created': ['created the project', true],
  'project.deleted': ['deleted the project', true],
  'project.updated': ['changed the project', true],
  'task.assigned': ['assigned', true],
  'task.comment': ['commented on', true],
  'task.completed': ['completed', true],
  'task.created': ['created', true],
  'task.deleted': ['deleted', true],
  'task.execution.failed': ['failed on', true],
  'task.status_changed': ['changed the status of', true],
  'task.updated': ['updated', true],
  'user.updated': ['updated the profile of', true],
  'workspace.created': ['created the workspace', true],
  'workspace.deleted': ['deleted the workspace', true],
  'workspace.member_added': ['gave access to', true],
  'workspace.member_removed': ['took access from', true],
  'workspace.updated': ['changed access or settings of', true],
};

/** What people call the categories of the catalogue; a platform's own are called what they are. */
const CATEGORIES: Record<string, string> = {
  agent: 'Agents',
  approval: 'Approvals',
  auth: 'Signing in',
  board: 'Boards',
  event: 'Calendar',
  project: 'Projects',
  task: 'Tasks',
  user: 'Profiles',
  workspace: 'Workspace and access',
};
export const categoryOf = (name: string) => CATEGORIES[name] ?? name;

export interface Phrase {
  verb: string;
  /** What it was done to; null where the verb says all. */
  thing: { label: string; href: string } | null;
  isKnown: boolean;
}

/** `about`: what everything on the page is about, and so is not named again. */
export function phrase(event: LineFragment, about?: string): Phrase {
  const known = VERBS[event.eventType];
  const label = (event.entityType === 'task' ? event.task?.title : undefined) ?? event.entityName ?? event.entityId;
  const thing = { label, href: trailHref(event.entityType, event.entityId) };
  const isSelf = event.entityId === event.actor.id;
  if (known && event.entityId === about) return { verb: known[0].replace(/ (on|of)$/, '').replace(/ (to|from)$/, ' $1 this'), thing: null, isKnown: true };
  if (!known) return { verb: event.eventType, thing: isSelf || event.entityId === about ? null : thing, isKnown: false };
  return { verb: known[0], thing: known[1] ? thing : null, isKnown: true };
}

export const KINDS: Record<ActorKind, string> = { AGENT: 'Agent', USER: 'Person', SERVICE: 'Service', SYSTEM: 'System' };
export const nameOf = (who: Who) => who.name ?? `${KINDS[who.kind]} ${who.id.slice(0, 8)}`;

export function roleOf(who: Who): string {
  if (who.kind === 'AGENT') return who.role ? `agent, ${who.role}` : 'agent';
  return who.role ?? KINDS[who.kind].toLowerCase();
}

export const plural = (count: number, one: string, many = `${one}s`) => `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
export const counted = ({ count, isExact }: { count: number; isExact: boolean }) => `${count.toLocaleString('en')}${isExact ? '' : '+'}`;
export const percent = (value: number | null | undefined) => (value == null ? '–' : `${value.toFixed(value < 10 ? 1 : 0)} %`);

/** A value of a change, as it is read. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return '–';
  return typeof value === 'string' ? value : JSON.stringify(value, null, 1);
}

const BRIEF_LETTERS = 90;

/** The same in a line of a list. */
export function brief(value: unknown): string {
  const text = shown(value).replace(/\s+/g, ' ');
  return text.length > BRIEF_LETTERS ? `${[...text.slice(0, BRIEF_LETTERS * 2)].slice(0, BRIEF_LETTERS - 1).join('')}…` : text;
}
