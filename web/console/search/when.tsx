/** The time that is searched: some that people often want, or from and to, in the time zone that was chosen. */
import { useId, useState } from 'preact/hooks';
import { instantOf, stamp, wallOf, zone } from '../state/clock';
import { go, route, withParams } from '../state/route';
import { Icon } from '../ui/icons';
import { RANGES, type Range, rangeOf } from './asked';
import { useDismiss } from './picker';

function Between() {
  const { params } = route.value;
  const field = (name: 'from' | 'to', label: string) => (
    <label class="field">
      <span>{label}</span>
      <input
        type="datetime-local"
        class="input"
        value={params.get(name) ? wallOf(params.get(name) as string) : ''}
        onChange={({ currentTarget }) => go(withParams({ range: null, [name]: currentTarget.value ? instantOf(currentTarget.value, name === 'from' ? 'begin' : 'end') : null }))}
      />
    </label>
  );
  return (
    <fieldset class="between">
      <legend>Between ({zone.value.replaceAll('_', ' ')})</legend>
      {field('from', 'From')}
      {field('to', 'Before')}
    </fieldset>
  );
}

export function When() {
  const [isOpen, setOpen] = useState(false);
  const place = useDismiss(isOpen, () => setOpen(false));
  const popup = useId();
  const { params } = route.value;
  const range = rangeOf(params);
  const [from, to] = [params.get('from'), params.get('to')];
  const said = range === 'custom' ? `${from ? stamp(from) : '…'} – ${to ? stamp(to) : 'now'}` : RANGES[range];
  return (
    <div class="picker" ref={place}>
      <button type="button" class={`button filter ${range === 'all' ? '' : 'on'}`} aria-expanded={isOpen} aria-controls={popup} onClick={() => setOpen(!isOpen)}>
        Time <span class="filter-value">{said}</span>
        <Icon name="down" size={14} />
      </button>
      {isOpen && (
        <div class="popup" id={popup}>
          <ul class="options" aria-label="Time">
            {(Object.keys(RANGES) as Range[]).map((name) => (
              <li key={name}>
                <label class="option">
                  <input
                    type="radio"
                    name={popup}
                    checked={range === name}
                    onChange={() => go(withParams({ range: name === 'all' ? null : name, from: null, to: null }))}
                  />
                  <span class="option-label">{RANGES[name]}</span>
                </label>
              </li>
            ))}
          </ul>
          <Between />
        </div>
      )}
    </div>
  );
}
