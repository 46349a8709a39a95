import { type DriverBroker, metadataRequest } from './kafkajs.ts';

interface TopicMetadata {
  readonly topic: string;
  readonly isInternal: boolean;
}

/**
 * Names of the topics that this user may see. kafkajs's own list fails as a whole while any
 * partition of any topic has no leader; here only the names matter.
 *
 * @throws kafkajs's errors
 */
export async function listTopics(broker: DriverBroker): Promise<string[]> {
  const { request, response } = metadataRequest({ topics: [], allowAutoTopicCreation: false });
  const answer = await broker.connectionPool.send({
    request,
    response: { decode: (bytes) => response.decode(bytes), parse: async (decoded) => decoded },
  });
  const { topicMetadata } = answer as { readonly topicMetadata: readonly TopicMetadata[] };
  return topicMetadata.filter(({ isInternal }) => !isInternal).map(({ topic }) => topic);
}
