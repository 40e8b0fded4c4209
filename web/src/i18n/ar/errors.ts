import type { Texts } from "..";
import { pluralOf } from "../plural";

const plural = pluralOf("ar");

export const errors: Texts["errors"] = {
  unexpected: "حدث خطأ ما. حاول مرة أخرى.",
  flood: (seconds) =>
    seconds < 60
      ? "محاولات كثيرة. حاول مرة أخرى بعد قليل."
      : `محاولات كثيرة. حاول مرة أخرى بعد ${plural(Math.ceil(seconds / 60), { one: "دقيقة واحدة", two: "دقيقتين", few: "# دقائق", many: "# دقيقة", other: "# دقيقة" })}.`,
  codes: {
    offline: "لا يوجد اتصال. حاول مرة أخرى عندما تكون متصلاً.",
    invalid_params: "هذا غير مقبول هنا: يجب أن يكون فيه ما يُرى، بلا أحرف مخفية، وألا يكون طويلًا جدًا.",
    storage_full: "لا توجد مساحة كافية لحفظ هذا.",
    outdated: "نسخة أحدث من Heliograph مفتوحة في علامة تبويب أخرى. أعد تحميل هذه الصفحة.",
    unauthorized: "تم تسجيل خروجك. سجّل الدخول من جديد.",
    wrong_credentials: "اسم المستخدم وكلمة المرور غير متطابقين.",
    password_common: "كلمة المرور هذه سهلة التخمين. اختر كلمة أخرى.",
    username_taken: "اسم المستخدم هذا مستعمل.",
    username_reserved: "اسم المستخدم هذا محجوز.",
    registration_closed: "لا يقبل هذا الخادم حسابات جديدة.",
    invitation_invalid: "هذه الدعوة غير صالحة أو مستعملة.",
    forbidden: "لا يُسمح لك بذلك هنا.",
    blocked: "لا يقبل هذا الشخص رسائل أو دعوات منك.",
    edit_expired: "فات وقت تعديل هذه الرسالة.",
    chat_not_found: "هذه المحادثة غير موجودة أو ليست لك.",
    user_not_found: "لا يوجد أحد بهذا الاسم.",
    session_not_found: "انتهت هذه الجلسة من قبل.",
    message_not_found: "لم تعد هذه الرسالة موجودة.",
    media_not_found: "لم يعد هذا الملف موجوداً.",
    not_member: "هذا الشخص ليس في المجموعة.",
    group_full: "المجموعة ممتلئة.",
    too_many: "العدد أكبر من المسموح.",
    quota_exceeded: "نفدت مساحة ملفاتك.",
    too_large: "هذا كبير جداً.",
    unsupported_media_type: "هذا النوع من الملفات غير مقبول هنا.",
    too_slow: "الاتصال بطيء الآن. حاول مرة أخرى.",
    overloaded: "الخادم مشغول. حاول مرة أخرى بعد قليل.",
    unavailable: "لا يمكن الوصول إلى الخادم الآن. حاول مرة أخرى.",
    internal: "في الخادم مشكلة. حاول مرة أخرى.",
  },
};
