/** Picks one of the boards that the caller may read, or all, in the address of the view. */
import { go, withParams } from '../state/route';
import { me } from '../state/session';

export function BoardSelect({ board }: { board: string | null }) {
  return (
    <label class="select">
      <span class="hidden">Board</span>
      <select value={board ?? ''} onChange={({ currentTarget }) => go(withParams({ board: currentTarget.value || null }))}>
        <option value="">All boards</option>
        {me.value?.boards.map(({ board: { id, name } }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
