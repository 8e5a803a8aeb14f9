import type { AnyOperation } from '../../platform/operation.ts';
import { BacklogView } from './backlog-view.ts';
import { kill } from './operations/kill.ts';
import { retryDeadLetter, submit, submitBatch } from './operations/submit.ts';
import * as survey from './operations/survey.ts';
import * as watch from './operations/watch.ts';
import { readBacklog } from './reads.ts';
import type { EvaluationServices } from './services.ts';

/** The use cases of evaluations. */
export const evaluationOperations = (given: Omit<EvaluationServices, 'backlog'>) => {
  const backlog = new BacklogView((orgId) => given.systemStatements((tx) => readBacklog(tx, orgId)));
  const services: EvaluationServices = { ...given, backlog };
  return {
    submit: submit(services),
    submitBatch: submitBatch(services),
    retryDeadLetter: retryDeadLetter(services),
    kill: kill(services),
    getEvaluation: watch.getEvaluation(services),
    getQueuePosition: watch.getQueuePosition(services),
    listEvaluations: watch.listEvaluations,
    listDeadLetters: watch.listDeadLetters,
    followLogs: watch.followLogs(services),
    readOutputSoFar: watch.readOutputSoFar,
    countEvaluations: survey.countEvaluations,
    readStatistics: survey.readStatistics,
    listOffers: survey.listOffers(services),
    getPlatformStatus: survey.getPlatformStatus(services),
  } satisfies Record<string, AnyOperation>;
};
