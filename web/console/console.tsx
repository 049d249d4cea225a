/** The console: signs in, then shows the view that the address names, and an event beside it where one is open. */
import './state/link'; // before anything reads the address, in which there may be a token
import 'uplot/dist/uPlot.min.css';
import './styles/tokens.css';
import './styles/base.css';
import './styles/parts.css';
import './styles/shell.css';
import './styles/lists.css';
import './styles/panel.css';
import './styles/views.css';
import { render } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { coversAll, EventPanel } from './event/panel';
import { keepChoice } from './feed/choice';
import { feed } from './feed/store';
import { FeedView } from './feed/feed';
import { HealthView } from './health/health';
import { SearchView } from './search/search';
import { Shell } from './shell/shell';
import { SignIn } from './shell/sign-in';
import { listenForKeys } from './state/keys';
import { href, route } from './state/route';
import { resume, session } from './state/session';
import { TrailView } from './trail/trail';
import { Guarded } from './ui/boundary';
import { Note } from './ui/states';

const VIEWS = { '': FeedView, search: SearchView, trail: TrailView, health: HealthView };
const TITLES: Record<string, string> = { '': 'Feed', search: 'Search', trail: 'Trail', health: 'Health' };

function NoSuchView() {
  return (
    <Note icon="alert" title="There is no such page">
      <p>
        <a href={href([])}>Go to the feed</a>
      </p>
    </Note>
  );
}

/** However the event beside the view was closed, the focus goes back to the line that it was opened from. */
function useWayBack(open: string | null): void {
  const before = useRef<string | null>(null);
  useEffect(() => {
    if (!open && before.current) document.querySelector<HTMLElement>(`[data-open="${CSS.escape(before.current)}"]`)?.focus();
    before.current = open;
  }, [open]);
}

function Console() {
  const { path, params } = route.value;
  const name = path[0] ?? '';
  const View = VIEWS[name as keyof typeof VIEWS] ?? NoSuchView;
  const open = params.get('event');
  useEffect(() => {
    document.title = `${TITLES[name] ?? 'Nothing'} · Trailcast`;
    if (name !== '') scrollTo({ top: 0 });
  }, [name]);
  useWayBack(open);
  return (
    <Shell>
      <Guarded key={name}>
        <div inert={coversAll.value}>
          <View />
        </div>
        {open && <EventPanel key={open} id={open} />}
      </Guarded>
    </Shell>
  );
}

function App() {
  const { state } = session.value;
  useEffect(() => {
    if (state === 'signed-in') return;
    feed.stop();
    keepChoice(new URLSearchParams()); // the boards of somebody else are no choice
  }, [state]);
  return state === 'signed-in' ? <Console /> : <SignIn />;
}

resume();
listenForKeys();
render(<App />, document.getElementById('root') as HTMLElement);
