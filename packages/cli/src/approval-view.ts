import type { WorkflowApproval } from '@assay/contract';
import { fields, type Human, table } from './view.ts';

export const approvalTable = (approvals: readonly WorkflowApproval[]): Human =>
  table(
    ['run', 'node', 'workflow', 'title', 'asked', 'deadline'],
    approvals.map((of) => [
      of.workflow_run_id,
      of.node,
      of.workflow_definition.name,
      of.title,
      of.asked_at,
      of.deadline_at,
    ]),
    'Nothing waits for you.',
  );

/** What a node asks, for people. */
export const approvalFields = (of: WorkflowApproval): Human =>
  fields(
    ['run', of.workflow_run_id],
    ['node', of.node],
    ['workflow', `${of.workflow_definition.name}@${of.workflow_definition.version}`],
    ['title', of.title],
    ['instructions', of.instructions],
    ['asked of', of.assignee && Object.entries(of.assignee).flat().join(' ')],
    ['asked', of.asked_at],
    ['deadline', of.deadline_at],
    ['input', JSON.stringify(of.input)],
    ['form', of.form && JSON.stringify(of.form)],
  );
