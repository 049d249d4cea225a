/** Picks one of the boards that the caller may read, or all, in the address of the view; and says so where the address names another. */
import { called } from '../state/names';
import { go, withParams } from '../state/route';
import { me } from '../state/session';
import { Note } from './states';

export const isReadable = (board: string) => me.value?.boards.some(({ board: { id } }) => id === board) ?? false;

/** The address was shared by somebody who sees more, or the board is no more. Which of the two is nobody's business. */
export function NoSuchBoard() {
  return (
    <Note icon="lock" title="No such board for you">
      <p>
        This address names a board that does not exist, or that you may not read: ask an owner or admin for it.{' '}
        <a href={withParams({ board: null })}>Show all boards</a>
      </p>
    </Note>
  );
}

export function BoardSelect({ board }: { board: string | null }) {
  return (
    <label class="select">
      <span class="hidden">Board</span>
      <select value={board ?? ''} onChange={({ currentTarget }) => go(withParams({ board: currentTarget.value || null }))}>
        <option value="">All boards</option>
        {board && !isReadable(board) && <option value={board}>{called(board)}</option>}
        {me.value?.boards.map(({ board: { id, name } }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
