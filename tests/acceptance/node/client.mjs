// A front end in miniature: asks, writes and follows over one graphql-ws client, and goes on by itself after any cut.
// It prints a line of JSON, [kind, value], for whatever happens. Arguments: the server's address, a token, a cursor.
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const [url, token, after] = process.argv.slice(2);
const say = (kind, value) => console.log(JSON.stringify([kind, value]));

const client = createClient({
  url,
  webSocketImpl: WebSocket,
  connectionParams: { Authorization: `Bearer ${token}` },
  lazyCloseTimeout: 60_000, // one connection for all operations
  retryAttempts: Infinity,
  shouldRetry: () => true,
  retryWait: () => new Promise((resolve) => setTimeout(resolve, 20)),
  on: {
    connected: (_socket, _payload, again) => say('connected', again ? 'again' : 'first'),
  },
});

async function ask(query, variables) {
  for await (const answer of client.iterate({ query, variables })) return answer;
}

say('query', await ask('{ viewer { actor { kind name } workspace { name } } }'));
say('mutation', await ask(
  `mutation ($input: LogActivityInput!) {
    logActivity(input: $input) { event { message actor { name } } replayed errors { code } }
  }`,
  { input: { eventType: 'task.updated', message: 'from Node', metadata: { deep: [1, 'two', null] } } },
));
say('refusal', await ask('{ activityEvent(id: "0b0e2c4e-7a0e-4f8e-9d2c-0c2f3a4b5c6d") { id } }'));

// graphql-ws sends the same payload again when it comes back, so its cursor has to be kept up to date: that is all.
const payload = {
  query: 'subscription ($after: String!) { activityLogged(after: $after) { cursor sequence message } }',
  variables: { after },
};
client.subscribe(payload, {
  next: ({ data, errors }) => {
    if (errors) return say('errors', errors);
    payload.variables.after = data.activityLogged.cursor;
    say('event', [Number(data.activityLogged.sequence), data.activityLogged.message]);
  },
  error: (error) => say('error', error),
  complete: () => say('complete', null),
});
