import { type Command, Option } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';
import { text } from '../view.ts';
import { graphDot, graphMermaid, graphOf, graphText } from '../workflow-graph.ts';

const FORMS = { text: graphText, mermaid: graphMermaid, dot: graphDot };

const HELP = `
  assay runs graph ID
  assay runs graph ID --form mermaid
  assay runs graph ID --form dot | dot -Tsvg > run.svg`;

export function define(command: Command, cli: Cli): void {
  command
    .argument('<id>', 'the run')
    .addOption(new Option('--form <form>', 'how it is drawn').choices(Object.keys(FORMS)).default('text'))
    .addHelpText('after', HELP);
  addOutputOptions(command);
  command.action(async (id: string, { form }: { form: keyof typeof FORMS }) => {
    const assay = await connect(cli);
    const options = { signal: cli.signal };
    const [run, states] = await Promise.all([assay.runs.get(id, options), assay.runs.nodes(id, options)]);
    const { nodes } = await assay.workflows.get(run.workflow_definition.id, options);
    const graph = graphOf(nodes, states);
    await cli.printer.show({
      document: { workflow_run_id: run.id, state: run.state, nodes: graph },
      human: text(FORMS[form](graph)),
    });
  });
}
