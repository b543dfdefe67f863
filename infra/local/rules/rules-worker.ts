import { parentPort, workerData } from 'node:worker_threads';
import { SetupError } from '../../../lib/common/errors.ts';
import { evaluateRules } from '../../../lib/rules/evaluate-rules.ts';
import { loadRules } from '../../../lib/rules/file/load-rules.ts';
import { isOwnRulesFile } from '../../../lib/rules/file/rules-path.ts';
import type { SyncRules } from '../../../lib/rules/rules-model.ts';
import { readEvents } from '../../cli/commands/rules/read-events.ts';
import { reportThrown } from '../../cli/commands/rules/report-thrown.ts';
import type { RulesReply, RulesWorkerData } from './ask-rules.ts';
import { describeRules } from './describe-rules.ts';

// This module runs in the thread of `askRules`.
const { rulesFile, question } = workerData as RulesWorkerData;

function tryEvents(rules: SyncRules, text: string) {
  const thrown = new Set<string>();
  const watched = reportThrown({ ...rules, mode: 'enforce' }, (what) => thrown.add(what));
  const results = readEvents(text).map((event) => ({
    datasetName: event.datasetName,
    hasRules: rules.findDatasetRule(event.datasetName) !== undefined,
    requested: event.datasetRecords,
    verdict: evaluateRules(watched, event),
  }));
  return { mode: rules.mode, results, thrown: [...thrown] };
}

async function answer(): Promise<RulesReply> {
  try {
    const rules = await loadRules(rulesFile);
    if (question.kind === 'try') return { answer: tryEvents(rules, question.text) };
    return { answer: { path: isOwnRulesFile(rulesFile) ? rulesFile : null, ...describeRules(rules) } };
  } catch (error) {
    if (error instanceof SetupError) return { problem: error.message };
    throw error;
  }
}

parentPort?.postMessage(await answer());
// The file may have left a timer or connection open, which must not keep the thread alive.
process.exit();
