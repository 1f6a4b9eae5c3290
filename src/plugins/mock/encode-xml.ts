const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
}

/** A value as XML: members are elements of their names, items of a list repeat the list's. */
export function encodeXml(name: string, value: unknown): string {
  if (Array.isArray(value)) return value.map((item) => encodeXml(name, item)).join('')
  if (value === null || typeof value !== 'object')
    return `<${name}>${escapeText(String(value))}</${name}>`
  const members = Object.entries(value).map(([key, member]) => encodeXml(key, member))
  return `<${name}>${members.join('')}</${name}>`
}

function escapeText(text: string): string {
  return text.replaceAll(/[&<>"]/g, (character) => ENTITIES[character] ?? character)
}
