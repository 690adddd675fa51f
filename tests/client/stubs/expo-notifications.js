const channels = [];
const response = (job_id) => ({ notification: { request: { content: { data: { job_id } } } } });
exports.AndroidImportance = { DEFAULT: 5 };
exports.setNotificationChannelAsync = async (id) => void channels.push(id);
exports.requestPermissionsAsync = async () => ({ granted: channels.length > 0 });
exports.getExpoPushTokenAsync = async ({ projectId }) => ({ data: `ExponentPushToken[${projectId}]` });
exports.getLastNotificationResponse = () => response("first");
exports.addNotificationResponseReceivedListener = (listener) => {
  listener(response("second"));
  return { remove() {} };
};
