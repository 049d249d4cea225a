/** A filter of several values with their counts: a button, and a list of checkboxes that it opens. */
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { Facet } from '../api/operations';
import { called, remember } from '../state/names';
import { useAnswer } from '../state/pages';
import { go, route, withParams } from '../state/route';
import { ask } from '../state/session';
import { Icon } from '../ui/icons';
import { categoryOf } from '../ui/words';
import { countedBy, FACETS, type FacetName } from './asked';

const SHOWN_MAX = 60;

/** Closes what is open on Escape, and when the focus or a click goes elsewhere. */
export function useDismiss(isOpen: boolean, close: () => void) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!isOpen) return;
    const leave = ({ target }: globalThis.Event) => !place.current?.contains(target as Node) && close();
    const escape = (event: KeyboardEvent) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      event.preventDefault();
      close();
      place.current?.querySelector('button')?.focus();
    };
    document.addEventListener('pointerdown', leave);
    document.addEventListener('focusin', leave);
    document.addEventListener('keydown', escape, true);
    return () => {
      document.removeEventListener('pointerdown', leave);
      document.removeEventListener('focusin', leave);
      document.removeEventListener('keydown', escape, true);
    };
  }, [isOpen]);
  return place;
}

function Options({ name, label, chosen }: { name: FacetName; label: string; chosen: string[] }) {
  const { params } = route.value;
  const [text, setText] = useState('');
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const counted = countedBy(params, name);
  const { data, problem } = useAnswer(JSON.stringify([name, counted.filter, params.get('range'), params.get('from'), params.get('to')]), (signal) =>
    ask(Facet, { ...counted, by: FACETS[name][1] }, signal),
  );
  const found = data?.activityMetrics.breakdown ?? [];
  useEffect(() => remember(found.filter((row) => row.label).map((row) => [row.key, row.label as string])), [data]);
  // What is chosen can be taken back, and chosen again, also where there is none of it.
  const [atFirst] = useState(chosen);
  const absent = [...new Set([...atFirst, ...chosen])].filter((key) => !found.some((row) => row.key === key));
  const rows = data ? [...found, ...absent.map((key) => ({ key, label: labelOf(name, key), total: 0 }))] : [];
  const shown = rows.filter((row) => `${row.label} ${row.key} ${labelOf(name, row.key)}`.toLowerCase().includes(text.trim().toLowerCase())).slice(0, SHOWN_MAX);
  const toggle = (key: string) => go(withParams({ [name]: chosen.includes(key) ? chosen.filter((one) => one !== key) : [...chosen, key] }));
  return (
    <>
      <input
        type="search"
        class="input"
        aria-label={`Find in ${label}`}
        placeholder="Find…"
        value={text}
        ref={field}
        onInput={({ currentTarget }) => setText(currentTarget.value)}
      />
      {problem ? <p class="error">The counts are not to be had now.</p> : null}
      {!data && !problem && <p class="quiet" role="status">Counting…</p>}
      {data && shown.length === 0 && <p class="quiet">Nothing here.</p>}
      <ul class="options" aria-label={label}>
        {shown.map((row) => (
          <li key={row.key}>
            <label class="option">
              <input type="checkbox" checked={chosen.includes(row.key)} onChange={() => toggle(row.key)} />
              <span class="option-label">{name === 'category' ? categoryOf(row.key) : (row.label ?? row.key)}</span>
              <span class="number">{row.total.toLocaleString('en')}</span>
            </label>
          </li>
        ))}
      </ul>
    </>
  );
}

export function Picker({ name }: { name: FacetName }) {
  const [isOpen, setOpen] = useState(false);
  const place = useDismiss(isOpen, () => setOpen(false));
  const popup = useId();
  const chosen = route.value.params.getAll(name);
  const [label] = FACETS[name];
  return (
    <div class="picker" ref={place}>
      <button
        type="button"
        class={`button filter ${chosen.length > 0 ? 'on' : ''}`}
        aria-expanded={isOpen}
        aria-controls={popup}
        onClick={() => setOpen(!isOpen)}
      >
        {label}
        {chosen.length > 0 && <span class="filter-value">{chosen.length === 1 ? labelOf(name, chosen[0] as string) : chosen.length}</span>}
        <Icon name="down" size={14} />
      </button>
      {isOpen && (
        <div class="popup" id={popup}>
          <Options name={name} label={label} chosen={chosen} />
        </div>
      )}
    </div>
  );
}

export function labelOf(name: FacetName, value: string): string {
  if (name === 'category') return categoryOf(value);
  return name === 'type' ? value : called(value);
}
