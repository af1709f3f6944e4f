/** What a long run has done, for people: at the end, where `npm run test:soak` asks for that, else at once. */
import { appendFileSync } from 'node:fs';

export function figures(title: string, values: Record<string, number | string>): void {
  const rows = Object.entries(values).map(([name, value]) => `  ${name}: ${value.toLocaleString('en')}`);
  const text = `${[title, ...rows].join('\n')}\n`;
  const { RSM_FIGURES } = process.env;
  if (RSM_FIGURES === undefined) console.log(text);
  else appendFileSync(RSM_FIGURES, `${text}\n`);
}
