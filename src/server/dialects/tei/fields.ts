import type { FastifyInstance } from 'fastify';
import { type Body, booleanField, type Inputs, listOf, optionalStringField, wrong } from '../../body.js';
import type { EmbedRequest } from '../../engine/engine.js';
import { Fault } from '../../fault.js';
import { stateOf } from '../../request.js';

/** Fields that all routes for texts have. */
export function common(
  body: Body,
): Pick<EmbedRequest, 'model' | 'truncate' | 'truncationSide' | 'promptName'> {
  return {
    model: optionalStringField(body, 'model'),
    truncate: booleanField(body, 'truncate', true),
    truncationSide: sideOf(body),
    promptName: optionalStringField(body, 'prompt_name'),
  };
}

function sideOf(body: Body): 'left' | 'right' | undefined {
  const side = optionalStringField(body, 'truncation_direction')?.toLowerCase();
  if (side === undefined || side === 'left' || side === 'right') return side;
  throw wrong('truncation_direction', "'left' or 'right'", side);
}

export function refuseEmpty(inputs: Inputs): void {
  const list = listOf(inputs);
  if (list.length === 0 || list.includes('' as never)) {
    throw new Fault('invalid', '`inputs` cannot be empty', { code: 'empty' });
  }
}

/** Says in headers what a request took, in tokens and milliseconds: the bodies of this dialect have no place for it. */
export function usageHeaders(app: FastifyInstance): void {
  app.addHook('onSend', (request, reply, payload, done) => {
    const { tokens } = stateOf(request);
    if (tokens !== undefined && reply.statusCode === 200) {
      const time = String(Math.round(reply.elapsedTime));
      reply.headers({
        'x-compute-tokens': String(tokens),
        'x-compute-time': time,
        'x-total-time': time,
      });
    }
    done(null, payload);
  });
}
