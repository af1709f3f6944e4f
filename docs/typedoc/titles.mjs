/** Pages are named by their headings, as people know them, and grouped by their folders. */
import { Converter } from 'typedoc';

const GROUPS = { guide: 'Guide', reference: 'Reference', internals: 'Internals', decisions: 'Decisions' };

function groupOf(path) {
  const [first, folder] = path.split('/');
  if (first === 'docs') return GROUPS[folder];
  return first === 'examples' ? 'Examples' : 'Project';
}

export function load({ converter }) {
  const name = (_, page) => {
    page.frontmatter.group = groupOf(page.name);
    const text = page.content.map((part) => part.text).join('');
    page.name = /^# (.*)$/m.exec(text)?.[1].replaceAll('`', '') ?? page.name;
    // A picture is no program.
    for (const part of page.content) part.text = part.text.replace(/^```\n/, '```text\n');
  };
  // Before the group is looked at.
  converter.on(Converter.EVENT_CREATE_DOCUMENT, name, 1000);
}
