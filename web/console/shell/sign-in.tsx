/** Before anything is seen: a token or a JWT, and for people with several memberships the workspace. */
import { useState } from 'preact/hooks';
import { type Session, session, signIn, signOut } from '../state/session';
import { Logo } from '../ui/icons';
import { ProblemNote } from '../ui/states';

const PRINTABLE = /^[\x21-\x7e]+$/;

function Form({ note }: { note?: string | undefined }) {
  const [text, setText] = useState('');
  const [isShown, setShown] = useState(false);
  const [problem, setProblem] = useState('');
  const submit = (event: Event) => {
    event.preventDefault();
    const credential = text.trim().replace(/^Bearer\s+/i, '');
    if (!credential) setProblem('Paste a token or a JWT first.');
    else if (PRINTABLE.test(credential)) void signIn({ credential });
    else setProblem('A token has no spaces in it: paste it whole, and nothing else.');
  };
  const said = problem || note;
  return (
    <form onSubmit={submit} class="stack">
      <h1>Sign in</h1>
      <label class="field">
        <span>Token or JWT</span>
        <input
          class="input mono"
          type={(isShown ? 'text' : 'password') as 'password'}
          name="credential"
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          value={text}
          aria-describedby="sign-in-note"
          aria-invalid={Boolean(said)}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
        />
      </label>
      <label class="check">
        <input type="checkbox" checked={isShown} onChange={({ currentTarget }) => setShown(currentTarget.checked)} /> Show it
      </label>
      <p id="sign-in-note" role={said ? 'alert' : undefined} class={said ? 'error' : 'quiet'}>
        {said || 'It is kept in this tab only, and is gone when the tab is closed.'}
      </p>
      <button type="submit" class="button primary wide">
        Sign in
      </button>
      <details class="quiet">
        <summary>Where do I get one?</summary>
        <p>
          The demo’s are printed by <code>make run</code>, with links that sign you in, and stand in <code>.trailcast/demo.json</code>. In
          an installation, whoever runs it makes one with <code>python -m trailcast token create</code>; a JWT comes from your identity provider.
        </p>
      </details>
    </form>
  );
}

function Choice({ current }: { current: Extract<Session, { state: 'choosing' }> }) {
  return (
    <div class="stack">
      <h1>Which workspace?</h1>
      <p class="quiet">You have access to {current.me.workspaces.length}. You can change it later.</p>
      <ul class="choices">
        {current.me.workspaces.map(({ id, name }) => (
          <li key={id}>
            <button type="button" class="choice" onClick={() => void signIn({ ...current.who, workspace: id })}>
              {name}
            </button>
          </li>
        ))}
      </ul>
      <button type="button" class="link" onClick={() => signOut()}>
        Sign in as somebody else
      </button>
    </div>
  );
}

export function SignIn() {
  const current = session.value;
  return (
    <main class="gate">
      <div class="gate-card card">
        <p class="brand">
          <Logo /> Trailcast
        </p>
        {current.state === 'signed-out' && <Form note={current.note} />}
        {current.state === 'opening' && <p role="status" class="quiet">Signing in…</p>}
        {current.state === 'choosing' && <Choice current={current} />}
        {current.state === 'failed' && (
          <>
            <ProblemNote problem={current.problem} again={() => void signIn(current.who)} />
            <button type="button" class="link" onClick={() => signOut()}>
              Sign in as somebody else
            </button>
          </>
        )}
      </div>
    </main>
  );
}
