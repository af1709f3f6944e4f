/* What a completion is of: the first member of whatever is given to libfabric as a context. */
#ifndef RSM_OPERATION_H
#define RSM_OPERATION_H

enum rsm_operation_kind { RSM_OPERATION_RECEIVE = 1, RSM_OPERATION_SEND, RSM_OPERATION_TRANSFER };

struct rsm_operation {
  enum rsm_operation_kind kind;
};

#endif
