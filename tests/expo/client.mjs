// Sends the messages of the argument, reads the receipts, and prints what the SDK made of the answers.
import { Expo } from "expo-server-sdk";

const { accessToken, messages } = JSON.parse(process.argv[2]);
const expo = new Expo({ accessToken, retryMinTimeout: 10 });
const found = { chunks: [], tickets: [], receipts: {}, error: null };
try {
  for (const chunk of expo.chunkPushNotifications(messages)) {
    found.chunks.push(chunk.length);
    found.tickets.push(...(await expo.sendPushNotificationsAsync(chunk)));
  }
  const ids = found.tickets.filter((ticket) => ticket.status === "ok").map((ticket) => ticket.id);
  for (const chunk of expo.chunkPushNotificationReceiptIds(ids)) {
    Object.assign(found.receipts, await expo.getPushNotificationReceiptsAsync(chunk));
  }
} catch (error) {
  found.error = { code: error.code ?? null, status: error.statusCode ?? null };
}
console.log(JSON.stringify(found));
