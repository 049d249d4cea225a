/** What stands around every view: where one can go, who one is, whether the feed is live. */
import type { ComponentChildren } from 'preact';
import { connection } from '../api/live';
import { coversAll } from '../event/panel';
import { lastChoice } from '../feed/choice';
import { feed } from '../feed/store';
import { href, route } from '../state/route';
import { me, session, signIn, signOut } from '../state/session';
import { Icon, type IconName, Logo } from '../ui/icons';
import { Avatar } from '../ui/parts';
import { nameOf } from '../ui/words';
import { Zone } from './zone';

const VIEWS: [string, IconName, string][] = [
  ['', 'feed', 'Feed'],
  ['search', 'search', 'Search'],
  ['trail', 'trail', 'Trail'],
  ['health', 'health', 'Health'],
];
/** The server says so in the page, whose explorer may be switched off. */
const HAS_EXPLORER = document.documentElement.dataset.explorer === 'on';
const BADGES = {
  off: ['', ''], // nothing is followed: a search alone is neither live nor lost
  connecting: ['waiting', 'Connecting…'],
  live: ['live', 'Live'],
  lost: ['lost', 'Reconnecting…'],
} as const;

export function Badge() {
  const [kind, label] = BADGES[connection.value];
  return (
    <span class={`badge ${kind}`} role="status">
      {kind && <span class="badge-dot" aria-hidden="true" />} {label}
    </span>
  );
}

function Navigation() {
  const here = route.value.path[0] ?? '';
  return (
    <nav aria-label="Views">
      <ul>
        {VIEWS.map(([path, icon, label]) => (
          <li key={path}>
            <a href={path === '' ? href([], lastChoice.value) : href([path])} aria-current={here === path ? 'page' : undefined}>
              <Icon name={icon} /> {label}
              {path === '' && feed.missed.value > 0 && here !== '' && (
                <span class="count">
                  {feed.missed.value > 99 ? '99+' : feed.missed.value}
                  <span class="hidden"> new</span>
                </span>
              )}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function Workspace() {
  const current = session.value;
  if (current.state !== 'signed-in') return null;
  const { workspace, workspaces } = current.me;
  if (workspaces.length < 2) return <p class="workspace">{workspace.name}</p>;
  return (
    <label class="select workspace">
      <span class="hidden">Workspace</span>
      <select value={workspace.id} onChange={({ currentTarget }) => void signIn({ ...current.who, workspace: currentTarget.value })}>
        {workspaces.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function Self() {
  const viewer = me.value;
  if (!viewer) return null;
  const role = viewer.role ?? viewer.actor.kind;
  return (
    <div class="self" title={`${nameOf(viewer.actor)}, ${role.toLowerCase()}`}>
      <Avatar who={viewer.actor} small />
      <p>
        <strong>{nameOf(viewer.actor)}</strong>
        <span class="quiet">{role.toLowerCase()}</span>
      </p>
      <button type="button" class="icon-button" title="Sign out" onClick={() => signOut()}>
        <Icon name="leave" /> <span class="hidden">Sign out</span>
      </button>
    </div>
  );
}

export function Shell({ children }: { children: ComponentChildren }) {
  return (
    <div class="shell">
      <a class="skip" inert={coversAll.value} href="#main" onClick={(event) => { event.preventDefault(); document.getElementById('main')?.focus(); }}>
        Skip to the content
      </a>
      <header class="side" inert={coversAll.value}>
        <div class="side-top">
          <p class="brand">
            <Logo /> <span>Trailcast</span>
          </p>
          <Workspace />
          <Badge />
        </div>
        <Navigation />
        <div class="side-end">
          {HAS_EXPLORER ? (
            <a class="side-link" href="/explorer" title="GraphiQL" aria-label="GraphiQL">
              <Icon name="explorer" size={18} /> <span>GraphiQL</span>
            </a>
          ) : (
            <span />
          )}
          <Zone />
          <Self />
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        {children}
      </main>
    </div>
  );
}
