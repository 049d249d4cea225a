/** The shelf as a plugin of GraphiQL: a click opens the question in a tab of its own, with variables that mean something. */
import { type GraphiQLPlugin, useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { useState } from 'react';
import { post, said } from './fetcher';
import { firstHeaders } from './memory';
import { QUESTIONS, type Question, SAMPLE, type Sample } from './questions';

const NOBODY = 'Nobody is signed in in this tab: put a token under Headers, or sign in at the console first. Until then the variables name nothing.';
const NOWHERE = '00000000-0000-0000-0000-000000000000';

interface Answer {
  data?: Record<'agents' | 'boards' | 'tasks', { nodes: { id: string }[] }>;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/** Ids of things that the caller can see. Without a credential there are none, and the note says so. */
async function findSample(headers: string): Promise<{ sample: Sample; note: string }> {
  const answer = (await post(said(parsed(headers)), { query: SAMPLE })) as Answer;
  const first = (list: keyof NonNullable<Answer['data']>) => answer.data?.[list].nodes[0]?.id ?? NOWHERE;
  return {
    sample: { agent: first('agents'), board: first('boards'), task: first('tasks') },
    note: answer.data ? '' : NOBODY,
  };
}

function Shelf() {
  const { addTab } = useGraphiQLActions();
  const { queryEditor, variableEditor, headerEditor } = useGraphiQL((state) => ({
    queryEditor: state.queryEditor,
    variableEditor: state.variableEditor,
    headerEditor: state.headerEditor,
  }));
  const [note, setNote] = useState(Object.keys(said(parsed(firstHeaders()))).length > 0 ? '' : NOBODY);
  const open = async (question: Question) => {
    const headers = headerEditor?.getValue() ?? '';
    const found = await findSample(headers);
    setNote(found.note);
    if (queryEditor?.getValue().trim()) addTab();
    queryEditor?.setValue(question.query);
    variableEditor?.setValue(JSON.stringify(question.variables(found.sample), null, 2));
    headerEditor?.setValue(headers);
    queryEditor?.focus();
  };
  return (
    <section className="shelf" aria-label="Audit questions">
      <h2 className="shelf-title">Audit questions</h2>
      <p role="status">{note}</p>
      <ul>
        {QUESTIONS.map((question) => (
          <li key={question.title}>
            <button type="button" onClick={() => void open(question)}>
              <strong>{question.title}</strong>
              <span>{question.about}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Icon() {
  return (
    <svg viewBox="0 0 24 24" width="24" height="24" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true">
      <path d="M5 4v16M9 4v16M13 5l5 15M4 20h17" strokeLinecap="round" />
    </svg>
  );
}

export const SHELF: GraphiQLPlugin = { title: 'Audit questions', icon: Icon, content: Shelf };
