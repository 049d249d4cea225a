/** The time zone of every time that is shown, and of the buckets of Health. */
import { chooseZone, zone, zones } from '../state/clock';

export function Zone() {
  return (
    <label class="select small">
      <span class="hidden">Time zone</span>
      <select value={zone.value} onChange={({ currentTarget }) => chooseZone(currentTarget.value)}>
        {zones.map((name) => (
          <option key={name} value={name}>
            {name.replaceAll('_', ' ')}
          </option>
        ))}
      </select>
    </label>
  );
}
