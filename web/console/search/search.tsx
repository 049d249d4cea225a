/** The search: filters with counts, what they find, and the way to export it. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import { Events, type Outcome, Outcomes } from '../api/operations';
import { Export } from '../export/export';
import { Item } from '../feed/item';
import { rememberEvents } from '../state/names';
import { useAnswer, usePages } from '../state/pages';
import { go, href, route, withParams } from '../state/route';
import { ask } from '../state/session';
import { Chunk, More } from '../ui/chunks';
import { Icon } from '../ui/icons';
import { Loading, Note, ProblemNote } from '../ui/states';
import { counted } from '../ui/words';
import { FACETS, type FacetName, filterOf, questionOf } from './asked';
import { labelOf, Picker } from './picker';
import { When } from './when';

const PAGE = 50;
const TYPING_MS = 300;
const TEXT_MIN = 3;
const TEXT_MAX = 200;
type Count = { count: number; isExact: boolean };

function Text() {
  const said = route.value.params.get('text') ?? '';
  const [text, setText] = useState(said);
  useEffect(() => setText(said), [said]);
  useEffect(() => {
    if (text === said) return;
    const timer = setTimeout(() => go(withParams({ text: text.trim() || null }), true), TYPING_MS);
    return () => clearTimeout(timer);
  }, [text]);
  const isShort = text.trim().length > 0 && text.trim().length < TEXT_MIN;
  return (
    <div class="search-text">
      <Icon name="search" size={18} />
      <label class="hidden" for="search-text">
        Text in the message
      </label>
      <input
        id="search-text"
        type="search"
        class="input"
        placeholder="Text in the message…"
        value={text}
        maxLength={TEXT_MAX}
        aria-describedby="search-text-note"
        onInput={({ currentTarget }) => setText(currentTarget.value)}
      />
      <p id="search-text-note" class="quiet">{isShort ? 'Three letters or more.' : ''}</p>
    </div>
  );
}

const OUTCOMES: [Outcome | null, string][] = [
  [null, 'All'],
  ['SUCCESS', 'Succeeded'],
  ['FAILURE', 'Failed'],
  ['DENIED', 'Denied'],
];

function ByOutcome({ counts }: { counts: Partial<Record<Outcome | 'ALL', Count>> }) {
  const current = route.value.params.get('outcome');
  return (
    <div class="segments" role="group" aria-label="Outcome">
      {OUTCOMES.map(([outcome, label]) => {
        const count = counts[outcome ?? 'ALL'];
        return (
          <a key={label} href={withParams({ outcome })} aria-current={current === outcome ? 'true' : undefined}>
            {label} <span class="number">{count ? counted(count) : ''}</span>
          </a>
        );
      })}
    </div>
  );
}

function useCounts(question: string) {
  const { params } = route.value;
  return useAnswer(question, async (signal) => {
    const of = (outcome: Outcome) => ({ ...filterOf(params, 'outcome'), outcome: [outcome] });
    const asked = { all: filterOf(params, 'outcome'), success: of('SUCCESS'), failure: of('FAILURE'), denied: of('DENIED') };
    const { all, success, failure, denied } = await ask(Outcomes, asked, signal);
    return { ALL: all.totalCount, SUCCESS: success.totalCount, FAILURE: failure.totalCount, DENIED: denied.totalCount };
  });
}

/** What is chosen, each with a way to take it back. */
function Chosen() {
  const { params } = route.value;
  const facets = (Object.keys(FACETS) as FacetName[]).flatMap((name) =>
    params.getAll(name).map((value) => ({ name: name as string, value, label: `${FACETS[name][0]}: ${labelOf(name, value)}` })),
  );
  const run = params.get('correlation');
  const chosen = run ? [...facets, { name: 'correlation', value: run, label: `Run: ${run}` }] : facets;
  if (chosen.length === 0) return null;
  return (
    <ul class="chosen" aria-label="Filters in use">
      {chosen.map(({ name, value, label }) => (
        <li key={`${name} ${value}`}>
          <a class="chip" href={withParams({ [name]: params.getAll(name).filter((one) => one !== value) })} aria-label={`Remove ${label}`}>
            {label} <Icon name="close" size={14} />
          </a>
        </li>
      ))}
      <li>
        <a class="link" href={href(['search'])}>
          Clear all
        </a>
      </li>
    </ul>
  );
}

function Results({ question, recount }: { question: string; recount: () => void }) {
  const { params } = route.value;
  const filter = useMemo(() => filterOf(params), [question]);
  const found = usePages(question, async (after, signal) => {
    const { activityEvents } = await ask(Events, { filter, first: PAGE, after }, signal);
    rememberEvents(activityEvents.nodes);
    return activityEvents;
  });
  const again = () => {
    recount();
    found.again();
  };
  if (found.problem && found.chunks.length === 0) return <ProblemNote problem={found.problem} again={again} />;
  if (found.chunks.length === 0) {
    if (found.state === 'loading') return <Loading rows={8} />;
    return (
      <Note icon="search" title="Nothing matches">
        <p>
          Take a filter away, or ask for a longer time. What you may not see is not found. <a href={href(['search'])}>Clear all filters</a>
        </p>
      </Note>
    );
  }
  return (
    <>
      <div role="feed" class="card list dense" aria-label="Results" aria-busy={found.state !== 'ready'}>
        {found.chunks.map((items, place) => (
          <Chunk key={place}>{() => items.map((event, index) => <Item key={event.id} event={event} place={place * PAGE + index + 1} />)}</Chunk>
        ))}
      </div>
      {found.problem ? <ProblemNote problem={found.problem} again={found.again} /> : null}
      {found.hasMore && !found.problem ? (
        <More load={found.more} isBusy={found.state === 'more'} length={found.chunks.length} />
      ) : (
        !found.problem && <p class="end-of-list">That is all.</p>
      )}
    </>
  );
}

export function SearchView() {
  const { params } = route.value;
  const question = questionOf(params);
  const found = useCounts(question);
  const counts = found.data ?? {};
  const total = (counts as Record<string, Count | undefined>)[params.get('outcome') ?? 'ALL'];
  return (
    <>
      <header class="view-head">
        <h1>Search</h1>
        <p class="total" role="status">{total ? `${counted(total)} ${total.count === 1 ? 'event' : 'events'}` : ''}</p>
        <Export total={total} />
      </header>
      <div class="filters">
        <Text />
        <div class="row wrap">
          <When />
          {(Object.keys(FACETS) as FacetName[]).map((name) => (
            <Picker key={name} name={name} />
          ))}
        </div>
        <ByOutcome counts={counts} />
        <Chosen />
      </div>
      <Results question={question} recount={found.again} />
    </>
  );
}
