// The page docs/reference/cli.md, made from the definitions of the commands.
import { examplesOf } from '../dist/cli/command.js';
import { program } from '../dist/cli/program.js';

/** Of arguments or options: nothing where there are none. */
function choices(title, entries) {
  if (entries.length === 0) return '';
  const rows = entries.map(({ terms, description, defaultValue, argChoices }) => {
    const more = [
      argChoices?.join(', '),
      defaultValue === undefined ? undefined : `default: ${defaultValue}`,
    ];
    const said = [description, ...more.filter((part) => part !== undefined)].join('; ');
    return `| \`${terms.replaceAll('|', '\\|')}\` | ${said.replaceAll('|', '\\|')} |`;
  });
  return `\n| ${title} | what it means |\n| --- | --- |\n${rows.join('\n')}\n`;
}

/** @param parents the words before its name */
function commandSection(made, parents) {
  const words = [...parents, made.name()];
  if (made.commands.length > 0) return commandSections(made, words);
  const [summary, ...details] = made.description().split('\n\n');
  const synopsis = `${words.join(' ')} ${made.usage()}`.trim();
  const argumentsOf = made.registeredArguments.map((each) => ({
    terms: each.name(),
    description: each.description,
    argChoices: each.argChoices,
  }));
  const options = made.options.map(({ flags: terms, description, defaultValue }) => {
    return { terms, description, defaultValue };
  });
  const blocks = ['```sh', ...examplesOf(made), '```'].join('\n');
  return `## ${words.join(' ')}

${[summary, ...details].join(' ')}

    ${synopsis}
${choices('argument', argumentsOf)}${choices('option', options)}
${blocks}
`;
}

const commandSections = (made, words) => made.commands.map((each) => commandSection(each, words)).join('\n');

export function cliPage() {
  return `# cli

The command \`rsm\`: segments from a shell. \`rsm help COMMAND\` shows what stands here.

A segment is written \`NODE:ID\`, or \`ID\` on this node, in decimal or \`0x\` hexadecimal. Results go to standard
output: tables that fit the terminal, with colours only there (and not where \`NO_COLOR\` is set), or with
\`--json\` one document, or one in each line, for programs. Long transfers show on a terminal how far they are.
What other users wrote reaches no terminal as a command: control characters are shown as \`?\`, or refused.

| exit status | |
| --- | --- |
| 0 | done; also where the reader of the output has had enough (\`rsm ls \\| head -1\`) |
| 1 | it failed, and standard error has one sentence with the code |
| 2 | wrong usage |
| 129, 130, 143 | ended by SIGHUP, SIGINT, SIGTERM, with everything cleaned up |

\`rsm export\` and \`rsm top\` go on until they are interrupted: that is how they end well, with 0.

${commandSections(program(), ['rsm'])}`;
}
