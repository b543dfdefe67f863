import { render } from 'preact';
import { startConnection } from './connection.ts';
import { KeyDialog } from './developer-key.tsx';
import { keepFocus } from './keep-focus.ts';
import { Backfill } from './pages/backfill.tsx';
import { Data } from './pages/data.tsx';
import { Leaderboard } from './pages/leaderboard.tsx';
import { Live } from './pages/live.tsx';
import { Overview } from './pages/overview.tsx';
import { PushInbox } from './pages/push-inbox.tsx';
import { Quarantine } from './pages/quarantine.tsx';
import { Query } from './pages/query.tsx';
import { Rules } from './pages/rules.tsx';
import { route } from './router.ts';
import { type ConsolePage, Shell } from './shell.tsx';
import { applyTheme } from './theme.ts';

const PAGES: readonly ConsolePage[] = [
  {
    name: 'overview',
    title: 'Overview',
    purpose: 'Whether everything works, and how much is stored.',
    content: Overview,
  },
  { name: 'live', title: 'Live', purpose: 'What happens now, from the device to the rows.', content: Live },
  {
    name: 'data',
    title: 'Data',
    purpose:
      'The records of one identity. Edits are written with the developer key; sync rules do not apply to them.',
    content: Data,
  },
  { name: 'query', title: 'Query', purpose: 'Read-only SQL across all identities.', content: Query },
  {
    name: 'leaderboard',
    title: 'Leaderboard',
    purpose: 'The records with one key, across all identities.',
    content: Leaderboard,
  },
  {
    name: 'backfill',
    title: 'Backfill',
    purpose: 'Bulk publishes, gaps, progress and migrations.',
    content: Backfill,
  },
  {
    name: 'quarantine',
    title: 'Quarantine',
    purpose: 'Events that could not be projected. Repair them and project them again.',
    content: Quarantine,
  },
  {
    name: 'rules',
    title: 'Rules',
    purpose: 'What devices may store. Try an event without storing it.',
    content: Rules,
  },
  {
    name: 'push',
    title: 'Push inbox',
    purpose: 'The messages that devices would receive. Locally, no message leaves this machine.',
    content: PushInbox,
  },
];

function App() {
  const page = PAGES.find(({ name }) => name === route.value.page) ?? PAGES[0];
  if (page === undefined) return null;
  return (
    <>
      <Shell pages={PAGES} page={page} />
      <KeyDialog />
    </>
  );
}

applyTheme();
startConnection();
const root = document.getElementById('app');
if (root) {
  keepFocus(root);
  render(<App />, root);
}
