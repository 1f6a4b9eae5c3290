/**
 * JSON.parse that also takes line breaks, tabs and other control characters within texts, as APISIX
 * does: scripts write `"content": "syntax = …` of protos over several lines.
 * @throws SyntaxError whose position is that in `text`.
 */
export function parseLenientJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (!(error instanceof SyntaxError) || !hasControls(text)) throw error
    // In the same places, so that the error of what is wrong besides says where in `text` that is.
    JSON.parse(replaceControls(text, () => ' '))
    return JSON.parse(replaceControls(text, escapeControl))
  }
}

/** Zero is none of them: it can't be stored. */
function hasControls(text: string): boolean {
  return /[^ -\uffff\0]/.test(text)
}

function replaceControls(text: string, replace: (character: string) => string): string {
  let isText = false
  return text.replace(/\\.|"|[^ -\uffff\0]/gs, (found) => {
    if (found === '"') isText = !isText
    return isText && found.length === 1 && found !== '"' ? replace(found) : found
  })
}

function escapeControl(character: string): string {
  return JSON.stringify(character).slice(1, -1)
}
