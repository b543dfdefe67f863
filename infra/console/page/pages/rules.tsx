import { useEffect, useRef } from 'preact/hooks';
import { getJson } from '../api.ts';
import { showInvisible } from '../invisible.ts';
import { curl, Snippets } from '../parts/snippets.tsx';
import { Empty, LoadState, Note } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { Text } from '../parts/text.tsx';
import { TryEvent } from '../parts/try-event.tsx';
import { Name } from '../parts/value.tsx';
import { route } from '../router.ts';
import { useLoad } from '../use-load.ts';

interface DatasetRules {
  name: string;
  unknownKeys: string;
  derives: boolean;
  keys: { name: string; path: string; onInvalid: string; conditions: string[] }[];
}

interface DescribedRules {
  /** Null if the user has no rules file. */
  path: string | null;
  mode: 'enforce' | 'observe';
  onRuleError: string;
  datasets: DatasetRules[];
}

export function Rules() {
  const linked = route.value.params.get('rule');
  // The link can lead to a rule that is newer than the rules on the page, so they are loaded again.
  const rules = useLoad(
    `rules ${linked ?? ''}`,
    (signal) => getJson<DescribedRules>('/console/rules', signal),
    () => false,
  );
  return (
    <>
      <LoadState of={rules} />
      <button type="button" class="small" onClick={rules.reload}>
        Read the rules again
      </button>
      {rules.data && <Current rules={rules.data} linked={linked} />}
      <TryEvent />
      <Snippets
        of={[
          {
            title: 'Command line',
            code: 'npx cognito-sync-backend rules check\nnpx cognito-sync-backend rules try --event event.json',
          },
          curl('/console/rules'),
        ]}
      />
    </>
  );
}

/** @param linked the path of the rule that a link leads to; null if the user did not follow such a link */
function Current({
  rules: { path, mode, onRuleError, datasets },
  linked,
}: {
  rules: DescribedRules;
  linked: string | null;
}) {
  const dataset = linked === null ? undefined : datasetOfRule(datasets, linked);
  return (
    <>
      <p class="quiet">
        {path === null ? 'The service uses no rules file.' : <code class="break">{path}</code>}
        <br />
        {mode === 'enforce'
          ? 'Decisions take effect.'
          : 'Mode observe: decisions are logged, but nothing is changed.'}{' '}
        If a rule itself fails, <code>onRuleError</code> decides about the call: <code>{onRuleError}</code>.
      </p>
      {linked !== null && dataset === undefined && (
        <Note kind="warn">
          There is no rule <Text text={linked} /> now. The rules have changed since the decision.
        </Note>
      )}
      {datasets.length === 0 && (
        <Empty>
          <strong>No rules: devices may store everything.</strong>{' '}
          {path === null
            ? 'Create sync-rules.ts in the folder in which you start the service, and start it again.'
            : 'Add a dataset to the file. A change takes effect within a second.'}
        </Empty>
      )}
      {datasets.map((each) => (
        <OfDataset key={each.name} rules={each} linked={each === dataset ? linked : null} />
      ))}
    </>
  );
}

/** The ends of the paths of rules that apply to a dataset, and not to one key. */
const OF_DATASET = ['', '.derive', '.unknownKeys'];

/**
 * Finds the dataset of a rule's path: `datasets.<name>`, and for the rule of a key `datasets.<name>.keys.<key>`. Both
 * names can contain dots.
 */
function datasetOfRule(datasets: readonly DatasetRules[], rule: string): DatasetRules | undefined {
  return (
    datasets.find(({ keys }) => keys.some(({ path }) => path === rule)) ??
    datasets.find(({ name }) => OF_DATASET.some((end) => rule === `datasets.${name}${end}`))
  );
}

/** The rules of a dataset. If a link leads to one of them, marks it, and moves the focus to it. */
function OfDataset({
  rules: { name, unknownKeys, derives, keys },
  linked,
}: {
  rules: DatasetRules;
  linked: string | null;
}) {
  const section = useRef<HTMLElement>(null);
  useEffect(() => {
    const heading = section.current?.querySelector('h2');
    if (linked === null || !heading) return;
    heading.focus({ preventScroll: true });
    (section.current?.querySelector('tr.marked') ?? heading).scrollIntoView({ block: 'center' });
  }, [linked]);
  return (
    <section ref={section}>
      <h2 tabIndex={-1}>
        Dataset{' '}
        <code>
          <Text text={name} />
        </code>
      </h2>
      <p class="quiet">
        Keys without a rule: <code>{unknownKeys}</code>.
        {derives && ' Further records are derived after each call.'}
      </p>
      {keys.length > 0 && (
        <Table
          label={`Rules of ${showInvisible(name)}`}
          rows={keys}
          keyOf={({ path }) => path}
          isMarked={({ path }) => path === linked}
          columns={[
            {
              head: 'Key',
              kind: 'key',
              cell: (key) => (
                <code>
                  <Name text={key.name} />
                </code>
              ),
            },
            { head: 'Conditions', kind: 'wide', cell: ({ conditions }) => conditions.join('; ') || 'none' },
            { head: 'If invalid', cell: ({ onInvalid }) => onInvalid },
          ]}
        />
      )}
    </section>
  );
}
