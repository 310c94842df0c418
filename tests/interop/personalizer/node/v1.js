// @azure/cognitiveservices-personalizer, unmodified: node v1.js ENDPOINT [BASE]. Prints what it saw as JSON.
// This client drops the path of an Endpoint: ENDPOINT is an address alone, or BASE says where the calls are.
const { PersonalizerClient } = require("@azure/cognitiveservices-personalizer");
const { ApiKeyCredentials } = require("@azure/ms-rest-js");

async function main(endpoint, base) {
  const key = new ApiKeyCredentials({ inHeader: { "Ocp-Apim-Subscription-Key": "some-key" } });
  const client = new PersonalizerClient(key, endpoint);
  if (base) client.baseUri = base;
  const actions = [
    { id: "news", features: [{ topic: "news" }] },
    { id: "sport", features: [{ topic: "sport" }, { live: true }] },
    { id: "film", features: [{ topic: "film", actors: [1, 2] }] },
  ];
  const told = {};
  const eventId = "e/1 x?&%";
  const answer = await client.rank({ actions, contextFeatures: [{ hour: 9 }], excludedActions: ["sport"], eventId });
  told.status = answer._response.status;
  told.contentType = answer._response.headers.get("content-type");
  told.eventId = answer.eventId;
  told.rewardActionId = answer.rewardActionId;
  told.ranking = answer.ranking.map(({ id, probability }) => [id, probability]);
  told.reward = (await client.events.reward(eventId, { value: 0.5 }))._response.status;
  const deferred = await client.rank({ actions, contextFeatures: [], deferActivation: true });
  told.activate = (await client.events.activate(deferred.eventId))._response.status;
  try {
    await client.rank({ actions: [{ id: "a", features: [{ list: ["x"] }] }] });
  } catch (error) {
    told.error = [error.statusCode, error.body.error.code, error.body.error.message];
  }
  console.log(JSON.stringify(told));
}

main(process.argv[2], process.argv[3]);
