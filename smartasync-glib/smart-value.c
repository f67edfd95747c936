/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the library does with GValues: type 0 stands for null, numbers are
 * widened where nothing is lost, anything else is of the type or is not. */

#include "smart-value-private.h"

/* Scalars are copied as they are: no type system, no allocation. */
void
smart_value_copy (GValue *dest, const GValue *src)
{
  GType type = G_VALUE_TYPE (src);

  if (type <= G_TYPE_DOUBLE)
    {
      if (type == G_TYPE_INVALID || type == G_TYPE_NONE)
        memset (dest, 0, sizeof (GValue));
      else
        *dest = *src;
    }
  else
    {
      memset (dest, 0, sizeof (GValue));
      g_value_init (dest, type);
      g_value_copy (src, dest);
    }
}

/* A pointer takes one of a GValue's two slots: an owned one keeps in the other
 * how it is freed. A copy does not own it. */
void
smart_value_init_owned_pointer (GValue *value, gpointer pointer, GDestroyNotify destroy)
{
  g_value_init (value, G_TYPE_POINTER);
  g_value_set_pointer (value, pointer);
  value->data[1].v_pointer = (gpointer) destroy;
}

/* Whoever has copied the pointer owns it from now on. */
void
smart_value_disown_pointer (GValue *value)
{
  if (G_VALUE_TYPE (value) == G_TYPE_POINTER)
    g_atomic_pointer_set (&value->data[1].v_pointer, NULL);
}

void
smart_value_clear (GValue *value)
{
  GDestroyNotify destroy = NULL;
  gpointer pointer = NULL;

  if (G_VALUE_TYPE (value) <= G_TYPE_DOUBLE)
    {
      memset (value, 0, sizeof (GValue));
      return;
    }

  if (G_VALUE_TYPE (value) == G_TYPE_POINTER)
    {
      pointer = g_value_get_pointer (value);
      destroy = (GDestroyNotify) value->data[1].v_pointer;
    }
  g_value_unset (value);

  if (destroy != NULL && pointer != NULL)
    destroy (pointer);
}

/* What goes out to the user: always initialised, since a value without a type
 * would be a trap in every language. What was in @dest is cleared. */
static gboolean
put (GValue *dest, const GValue *src)
{
  if (G_VALUE_TYPE (dest) != G_TYPE_INVALID)
    g_value_unset (dest);

  if (G_VALUE_TYPE (src) != G_TYPE_INVALID)
    return TRUE;

  g_value_init (dest, G_TYPE_POINTER);
  return FALSE;
}

void
smart_value_put (GValue *dest, const GValue *src)
{
  if (put (dest, src))
    smart_value_copy (dest, src);
}

void
smart_value_put_moved (GValue *dest, GValue *src)
{
  if (put (dest, src))
    {
      smart_value_disown_pointer (src);
      *dest = *src;
      memset (src, 0, sizeof (GValue));
    }
}

/* GJS would lose the error of a call whose value it cannot convert. */
void
smart_value_put_failed (GValue *dest)
{
  if (dest == NULL)
    return;

  if (G_VALUE_TYPE (dest) != G_TYPE_INVALID)
    g_value_unset (dest);
  g_value_init (dest, G_TYPE_BOOLEAN);
}

/* Type 0 is null, for the types that know one. */
gboolean
smart_value_is_of_type (const GValue *value, GType type)
{
  if (G_VALUE_TYPE (value) != G_TYPE_INVALID)
    return g_type_is_a (G_VALUE_TYPE (value), type);

  switch (G_TYPE_FUNDAMENTAL (type))
    {
    case G_TYPE_NONE:
    case G_TYPE_STRING:
    case G_TYPE_POINTER:
    case G_TYPE_BOXED:
    case G_TYPE_OBJECT:
    case G_TYPE_INTERFACE:
    case G_TYPE_VARIANT:
      return TRUE;
    default:
      return FALSE;
    }
}

const char *
smart_value_type_name (const GValue *value)
{
  return G_VALUE_TYPE (value) != G_TYPE_INVALID ? G_VALUE_TYPE_NAME (value) : "null";
}

/* A negative number: @as_unsigned is 0. One over G_MAXINT64: @as_signed is -1. */
static gboolean
get_integer (const GValue *value, gint64 *as_signed, guint64 *as_unsigned)
{
  switch (G_TYPE_FUNDAMENTAL (G_VALUE_TYPE (value)))
    {
    case G_TYPE_CHAR:
      *as_signed = g_value_get_schar (value);
      break;
    case G_TYPE_UCHAR:
      *as_signed = g_value_get_uchar (value);
      break;
    case G_TYPE_BOOLEAN:
      *as_signed = g_value_get_boolean (value);
      break;
    case G_TYPE_INT:
      *as_signed = g_value_get_int (value);
      break;
    case G_TYPE_UINT:
      *as_signed = g_value_get_uint (value);
      break;
    case G_TYPE_LONG:
      *as_signed = g_value_get_long (value);
      break;
    case G_TYPE_INT64:
      *as_signed = g_value_get_int64 (value);
      break;
    case G_TYPE_ENUM:
      *as_signed = g_value_get_enum (value);
      break;
    case G_TYPE_FLAGS:
      *as_signed = g_value_get_flags (value);
      break;
    case G_TYPE_ULONG:
      *as_unsigned = g_value_get_ulong (value);
      *as_signed = *as_unsigned <= G_MAXINT64 ? (gint64) *as_unsigned : -1;
      return TRUE;
    case G_TYPE_UINT64:
      *as_unsigned = g_value_get_uint64 (value);
      *as_signed = *as_unsigned <= G_MAXINT64 ? (gint64) *as_unsigned : -1;
      return TRUE;
    default:
      return FALSE;
    }

  *as_unsigned = *as_signed >= 0 ? (guint64) *as_signed : 0;
  return TRUE;
}

/* Makes @widened a value of the number type @type, if @value is a number that
 * fits it exactly. */
gboolean
smart_value_widen (const GValue *value, GType type, GValue *widened)
{
  gint64 s = 0;
  guint64 u = 0;
  gboolean is_double = G_VALUE_HOLDS_DOUBLE (value) || G_VALUE_HOLDS_FLOAT (value);

  memset (widened, 0, sizeof (GValue));

  if (!is_double && !get_integer (value, &s, &u))
    return FALSE;

  g_value_init (widened, type);

  switch (type)
    {
    case G_TYPE_INT:
      g_value_set_int (widened, (int) s);
      return !is_double && s >= G_MININT && s <= G_MAXINT && (s >= 0 || u == 0);
    case G_TYPE_UINT:
      g_value_set_uint (widened, (guint) u);
      return !is_double && u <= G_MAXUINT && s >= 0;
    case G_TYPE_INT64:
      g_value_set_int64 (widened, s);
      return !is_double && (s >= 0 || u == 0);
    case G_TYPE_UINT64:
      g_value_set_uint64 (widened, u);
      return !is_double && (s >= 0 || u > 0);
    case G_TYPE_DOUBLE:
      if (is_double)
        g_value_set_double (widened, G_VALUE_HOLDS_FLOAT (value)
                                         ? (double) g_value_get_float (value)
                                         : g_value_get_double (value));
      else
        g_value_set_double (widened, s >= 0 || u == 0 ? (double) s : (double) u);
      return TRUE;
    default:
      return FALSE;
    }
}
