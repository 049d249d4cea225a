// A front end that follows over server-sent events with graphql-sse, a connection for each subscription, and goes on by itself after any
// cut. It prints a line of JSON, [kind, value], for whatever happens. Arguments: the server's address, a token, a cursor, and how it
// says where it is when it comes back: `after` (in the variables, the default) or `Last-Event-ID` (in a header, as browsers would).
import { createClient } from 'graphql-sse';

const [url, token, after, how = 'after'] = process.argv.slice(2);
const say = (kind, value) => console.log(JSON.stringify([kind, value]));
let last;

const client = createClient({
  url,
  // Asked anew for each attempt. graphql-sse reads no ids of events, so the header is ours to send.
  headers: () => ({
    Authorization: `Bearer ${token}`,
    ...(how === 'Last-Event-ID' && last ? { 'Last-Event-ID': last } : {}),
  }),
  // Attempts are counted until an item arrives: with the default of 5, a quiet feed would end with its sixth cut.
  retryAttempts: Infinity,
  retry: () => new Promise((resolve) => setTimeout(resolve, 20)),
  on: {
    connected: (again) => say('connected', again ? 'again' : 'first'),
  },
});

// Sent again as it then is, with each attempt.
const payload = {
  query: 'subscription ($after: String!) { activityLogged(after: $after) { cursor sequence message } }',
  variables: { after },
};
client.subscribe(payload, {
  next: ({ data, errors }) => {
    if (errors) return say('errors', errors);
    last = data.activityLogged.cursor;
    if (how === 'after') payload.variables.after = last;
    say('event', [Number(data.activityLogged.sequence), data.activityLogged.message]);
  },
  error: (problem) => say('error', problem.response?.status ?? problem.message),
  complete: () => say('complete', null),
});
