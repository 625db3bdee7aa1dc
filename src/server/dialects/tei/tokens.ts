import type { FastifyInstance } from 'fastify';
import type { Tokenized } from '../../../text/index.js';
import { prompted } from '../../../text/prompted.js';
import {
  booleanField,
  given,
  objectBody,
  optionalStringField,
  stringsField,
  tokenLists,
  wrong,
} from '../../body.js';
import type { DialectContext } from '../dialect.js';
import { refuseEmpty } from './fields.js';

/** `/tokenize` and `/decode` */
export function tokens(app: FastifyInstance, { engine }: DialectContext): void {
  app.post('/tokenize', async (request) => {
    const body = objectBody(request.body);
    const texts = stringsField(body, 'inputs');
    refuseEmpty({ texts });
    engine.checkCount('inputs', texts.length);
    const special = booleanField(body, 'add_special_tokens', true);
    const promptName = optionalStringField(body, 'prompt_name');
    return engine.useText(optionalStringField(body, 'model'), async (model) => {
      const prompt = promptName === undefined ? '' : model.promptFor(undefined, promptName);
      const whole = prompted(prompt, texts);
      return (await model.tokenize(whole)).map((tokenized, i) =>
        describeTokens(whole[i], tokenized, special),
      );
    });
  });
  app.post('/decode', async (request) => {
    const body = objectBody(request.body);
    const ids = given(body, 'ids');
    if (!Array.isArray(ids) || ids.length === 0)
      throw wrong('ids', 'a list of token ids, or of such lists', ids);
    const lists = tokenLists('ids', Array.isArray(ids[0]) ? ids : [ids]);
    engine.checkCount('ids', lists.length);
    const skipSpecialTokens = booleanField(body, 'skip_special_tokens', true);
    return engine.useText(optionalStringField(body, 'model'), (model) =>
      model.decode(lists, { skipSpecialTokens }),
    );
  });
}

function describeTokens(text: string, { ids, tokens, offsets }: Tokenized, withSpecial: boolean): object[] {
  const described = ids.map((id, i) => {
    const [start, stop] = offsets[i];
    // A token of a space alone may have an empty part, but not before the text begins.
    const special = stop === 0;
    return special
      ? { id, text: tokens[i], special, start: null, stop: null }
      : { id, text: text.slice(start, stop), special, start, stop };
  });
  return withSpecial ? described : described.filter(({ special }) => !special);
}
