import { linkTo } from '../router.ts';
import { Text } from './text.tsx';

/** The path of a rule, with a link to the rule on the page Rules. */
export function RuleLink({ path }: { path: string }) {
  return (
    <a href={linkTo('rules', { rule: path })}>
      <code>
        <Text text={path} />
      </code>
    </a>
  );
}
