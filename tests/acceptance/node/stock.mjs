// A front end that follows with graphql-ws as it comes: what it takes for fatal is fatal here, and how often it tries again is its own
// default. It prints a line of JSON, [kind, value], for whatever happens. Arguments: the server's address, a token, a cursor.
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const [url, token, after] = process.argv.slice(2);
const say = (kind, value) => console.log(JSON.stringify([kind, value]));

const client = createClient({
  url,
  webSocketImpl: WebSocket,
  connectionParams: { Authorization: `Bearer ${token}` },
  retryWait: () => new Promise((resolve) => setTimeout(resolve, 20)), // its own is 1 to 4 s for the first attempt
  on: {
    connected: (_socket, _payload, again) => say('connected', again ? 'again' : 'first'),
    closed: ({ code }) => say('closed', code),
  },
});

// Sent again as it then is, with each new connection.
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
  error: (problem) => say('error', problem.code ?? problem),
  complete: () => say('complete', null),
});
