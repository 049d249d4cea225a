/** GraphiQL, with the shelf of audit questions, the explorer and the history; everything it loads comes from this server. */
import 'graphiql/style.css';
import '@graphiql/plugin-explorer/style.css';
import './explorer.css';
import { explorerPlugin } from '@graphiql/plugin-explorer';
import { HISTORY_PLUGIN } from '@graphiql/plugin-history';
import { useMonaco } from '@graphiql/react';
import { GraphiQL } from 'graphiql';
import { useEffect } from 'react';
import { createRoot } from 'react-dom/client';
import { fetcher } from './fetcher';
import { firstHeaders, memory, rememberHeaders } from './memory';
import { QUESTIONS } from './questions';
import { SHELF } from './shelf';

declare const WORKERS: Record<string, string>;

(globalThis as { MonacoEnvironment?: unknown }).MonacoEnvironment = {
  getWorker: (_id: string, label: string) => new Worker(WORKERS[label] ?? (WORKERS.editor as string)),
};

const HEADERS_SCHEMA = {
  type: 'object',
  properties: {
    Authorization: { type: 'string', description: '`Bearer <token>`; of people also `Bearer <JWT>`.', pattern: '^([Bb]earer( .*)?)?$' },
    'X-Agent-Token': { type: 'string', description: 'The token of an agent, instead of Authorization.' },
    'X-Workspace': { type: 'string', description: 'UUID of the workspace, for people with several memberships.' },
  },
};

/** Has the editor of headers complete and explain the three that the server reads. */
function HeaderHelp() {
  const monaco = useMonaco((state) => state.monaco);
  useEffect(() => {
    monaco?.languages.json.jsonDefaults.setDiagnosticsOptions({
      ...monaco.languages.json.jsonDefaults.diagnosticsOptions,
      schemas: [{ uri: 'trailcast://headers', fileMatch: ['*request-headers.json'], schema: HEADERS_SCHEMA }],
    });
  }, [monaco]);
  return null;
}

const NOTHING = { agent: '', board: '', task: '' }; // the first question names nothing
const first = QUESTIONS[0];
const place = document.getElementById('root') as HTMLElement;
place.classList.remove('graphiql-is-loading');
createRoot(place).render(
  <GraphiQL
    fetcher={fetcher}
    plugins={[SHELF, explorerPlugin({ showAttribution: false }), HISTORY_PLUGIN]}
    visiblePlugin={SHELF}
    storage={memory}
    shouldPersistHeaders={false}
    showPersistHeadersSettings={false}
    initialHeaders={firstHeaders()}
    defaultHeaders={firstHeaders()}
    onEditHeaders={rememberHeaders}
    defaultTabs={first ? [{ query: first.query, variables: JSON.stringify(first.variables(NOTHING), null, 2), headers: firstHeaders() }] : []}
    defaultEditorToolsVisibility="headers"
    inputValueDeprecation
  >
    <GraphiQL.Logo>
      <a href="/" className="home">
        Trailcast
      </a>
    </GraphiQL.Logo>
    <HeaderHelp />
  </GraphiQL>,
);
