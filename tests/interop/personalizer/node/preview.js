// @azure-rest/ai-personalizer, unmodified: node preview.js ENDPOINT. Prints what it saw as JSON.
const personalizer = require("@azure-rest/ai-personalizer");

async function main(endpoint) {
  const options = { allowInsecureConnection: true, retryOptions: { maxRetries: 0 } };
  const client = personalizer.default(endpoint, { key: "some-key" }, options);
  const { isUnexpected } = personalizer;
  const actions = [
    { id: "news", features: [{ topic: "news" }] },
    { id: "film", features: [{ topic: "film" }] },
  ];
  const told = {};
  const note = (name, answer) => (told[name] = [answer.status, isUnexpected(answer)]);
  const send = { allowInsecureConnection: true };
  const ranked = await client.path("/rank").post({ body: { actions, contextFeatures: [{ hour: 9 }], eventId: "e/2" }, ...send });
  note("rank", ranked);
  told.ids = ranked.body.ranking.map(({ id }) => id).sort();
  told.eventId = ranked.body.eventId;
  const event = (name, body) => client.path(`/events/{eventId}/${name}`, "e/2").post({ ...body, ...send });
  note("reward", await event("reward", { body: { value: 1 } }));
  note("activate", await event("activate", {}));
  const service = await client.path("/configurations/service").get(send);
  note("getService", service);
  told.learningMode = service.body.learningMode;
  const changed = { ...service.body, explorationPercentage: 0.25 };
  note("putService", await client.path("/configurations/service").put({ body: changed, ...send }));
  note("restoreService", await client.path("/configurations/service").put({ body: service.body, ...send }));
  const policy = await client.path("/configurations/policy").get(send);
  note("getPolicy", policy);
  note("putPolicy", await client.path("/configurations/policy").put({ body: policy.body, ...send }));
  note("deletePolicy", await client.path("/configurations/policy").delete(send));
  note("getModelProperties", await client.path("/model/properties").get(send));
  note("deleteModel", await client.path("/model").delete(send));
  note("evaluations", await client.path("/evaluations").get(send));
  const times = { startTime: "2020-01-01T00:00:00Z", endTime: "2100-01-01T00:00:00Z" };
  const made = await client.path("/evaluations").post({ body: { name: "n", policies: [], ...times }, ...send });
  note("createEvaluation", made);
  told.location = made.headers.location;
  const one = client.path("/evaluations/{evaluationId}", made.body.id);
  note("getEvaluation", await one.get(send));
  note("deleteEvaluation", await one.delete(send));
  note("logProperties", await client.path("/logs/properties").get(send));
  const wrong = await client.path("/rank").post({ body: { actions: [] }, ...send });
  note("wrong", wrong);
  told.error = wrong.body.error.code;
  const slots = { actions, slots: [{ id: "top", baselineAction: "news" }] };
  const refused = await client.path("/multislot/rank").post({ body: slots, ...send });
  note("multiSlot", refused);
  told.multiSlotError = refused.body.error.code;
  const local = await client.path("/logs/interactions").post({ body: "x", contentType: "application/octet-stream", ...send });
  note("localLog", local);
  console.log(JSON.stringify(told));
}

main(process.argv[2]);
